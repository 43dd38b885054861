// Looks at the page as people do: on a telephone and on a large screen, in the light
// and in the dark, by keyboard, and with axe. Prints what it found as JSON.
//
// node browser.mjs NODE_MODULES CHROMIUM URL TOKEN FOLDER [SCREENSHOTS]
// Without a token it looks at the first page alone.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const [modules, chromium, url, token, folder, shots] = process.argv.slice(2);
const require = createRequire(join(modules, "x.js"));
const { chromium: browser } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core"), "utf8");
const out = { pages: 0, axe: 0, wrong: [], titles: [] };
const wrong = (text) => out.wrong.push(text);

// no sandbox: it cannot have one as root, and the page is ours
const launched = await browser.launch({ executablePath: chromium, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"], env: { ...process.env, HOME: folder } });

async function visit(width, dark, more = {}) {
  const context = await launched.newContext({ viewport: { width, height: 900 }, colorScheme: dark ? "dark" : "light", bypassCSP: false, ...more });
  const page = await context.newPage();
  page.on("console", (m) => { if (m.type() === "error" || m.type() === "warning") wrong(`${page.url()} at ${width}: ${m.text()}`); });
  page.on("pageerror", (e) => wrong(`${page.url()} at ${width}: ${e}`));
  // what is aborted is what we went away from
  page.on("requestfailed", (r) => r.failure()?.errorText === "net::ERR_ABORTED" || wrong(`${page.url()} at ${width}: ${r.url()} ${r.failure()?.errorText}`));
  return { context, page };
}

async function login(page) {
  await page.goto(url + "/login");
  await page.fill("#token", token);
  await page.click("main button");
  await page.waitForURL((at) => at.pathname !== "/login");
}

async function check(page, what, width, dark) {
  out.pages++;
  const name = `${what} at ${width}${dark ? " in the dark" : ""}`;
  const { inner, scroll } = await page.evaluate(() => ({ inner: document.documentElement.clientWidth, scroll: document.documentElement.scrollWidth }));
  if (scroll > inner) wrong(`${name}: it scrolls sideways: ${scroll} in ${inner}`);
  if (shots) await page.screenshot({ path: join(shots, `${what.replace(/\W+/g, "-")}-${width}${dark ? "-dark" : ""}.png`), fullPage: true });
  if (!(width === 360 && !dark || width === 1600 && dark)) return; // axe takes its time, and sees each size and each colour
  // axe is put in by the browser itself, past what pages may load
  await page.evaluate(axe);
  const result = await page.evaluate(() => axe.run(document, { resultTypes: ["violations", "passes"] }));
  out.axe += result.passes.length;
  for (const v of result.violations) {
    // that pages renew themselves can be switched off, which is what the rule asks
    // for and axe cannot see; every page is looked at with it switched off too
    if (v.id === "meta-refresh" && what === "clients, renewing") continue;
    wrong(`${name}: axe: ${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => `${n.target} ${n.any?.[0]?.message ?? ""}`).join(" | ")}`);
  }
}

if (!token) {
  const { page } = await visit(360, false);
  await page.goto(url + "/");
  await check(page, "first", 360, false);
} else {
  for (const [width, dark] of [[360, false], [360, true], [768, false], [1600, false], [1600, true]]) await pages(width, dark);
  await keyboard();
  await withoutScript();
  await motion();
}
await launched.close();
console.log(JSON.stringify(out));

// pages looks at every page.
async function pages(width, dark) {
  const { context, page } = await visit(width, dark);
  const go = async (what, path) => { await page.goto(url + path); await check(page, what, width, dark); };
  await go("login", "/login?next=/dead");
  await login(page);
  await check(page, "clients, renewing", width, dark);
  await page.click("text=Stop that");
  await page.waitForSelector("text=Renew it by itself");
  for (const [what, path] of [
    ["clients", "/"], ["those that are ill", "/?state=ill"], ["client", "/client/acme"], ["client that is ill", "/client/globex"], ["client that is wrong", "/client/hooli.yaml"],
    ["run", "/run/run02abcdefg"], ["rejects", "/client/acme/rejects"], ["dead letters", "/dead?since=30d"], ["letter", "/dead/acme/1"], ["question", "/ask/drop?client=globex"],
  ]) await go(what, path);
  await page.goto(url + "/client/acme");
  for (const d of await page.$$("summary")) await d.click();
  await check(page, "client with numbers", width, dark);
  await page.goto(url + "/client/acme/rejects");
  await page.click(".records a");
  await page.waitForSelector("text=What the record says is hidden.");
  await check(page, "reject", width, dark);
  await page.click("text=Show people");
  await page.waitForSelector(".warned");
  await check(page, "reject that is shown", width, dark);
  await context.close();
}

// keyboard goes from the log-in to a replay without a mouse.
async function keyboard() {
  const { context, page } = await visit(1280, false);
  const title = async () => out.titles.push((await page.title()).replace(" · pipeline", ""));
  const focused = () => page.evaluate(() => { const e = document.activeElement; return (e.getAttribute("aria-label") || e.textContent).trim().replace(/\s+/g, " "); });
  const tabTo = async (text) => {
    for (let i = 0; i < 400; i++) {
      await page.keyboard.press("Tab");
      const shown = await page.evaluate(() => { const s = getComputedStyle(document.activeElement); return document.activeElement === document.body || s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2; });
      if (!shown) wrong(`by keyboard: one does not see that ${await focused()} has the focus, on ${page.url()}`);
      if (await focused() === text) return;
    }
    wrong(`by keyboard: ${text} is not reached on ${page.url()}`);
  };
  await page.goto(url + "/");
  await title();
  await page.keyboard.type(token); // the field has the focus
  await page.keyboard.press("Enter");
  await page.waitForURL(url + "/");
  await title();
  await page.keyboard.press("Tab");
  if (await focused() !== "Skip to the content") wrong(`by keyboard: the first stop is ${await focused()}`);
  await page.keyboard.press("Enter");
  await tabTo("acme");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/client/acme");
  await title();
  await tabTo("3 open");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/dead?client=acme");
  await title();
  await tabTo("Letter 1");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/dead/acme/1");
  await title();
  await tabTo("Replay");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/dead?said=replay");
  await title();
  if (await page.textContent("[role=status]") !== "1 dead letter will be sent again, with the same idempotency key.") wrong("the page does not say that it was replayed");
  const hint = await page.getAttribute("footer time", "title");
  if (!hint?.endsWith(", your time")) wrong(`a time has the hint ${hint}`);
  await context.close();
}

// withoutScript reads and acts where scripts are off.
async function withoutScript() {
  const { context, page } = await visit(1280, false, { javaScriptEnabled: false });
  await login(page);
  await page.click("text=globex");
  await page.click("text=Run now");
  if (!(await page.textContent("[role=status]")).startsWith("It runs as soon as")) wrong("without scripts: nothing ran");
  await page.click("summary");
  if (!await page.isVisible("details table")) wrong("without scripts: the numbers are not seen");
  await page.click("text=Log out");
  await page.waitForSelector("#token");
  await context.close();
}

// motion looks for what moves where people want that nothing does.
async function motion() {
  const { context, page } = await visit(1280, false, { reducedMotion: "reduce" });
  await login(page);
  const moving = await page.evaluate(() => document.getAnimations().length);
  if (moving) wrong(`${moving} things move`);
  await context.close();
}
