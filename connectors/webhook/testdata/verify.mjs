// node verify.mjs NODE_MODULES SECRET: verifies requests, one JSON object with
// headers and body per line of stdin, and says of each what came of it.
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { createInterface } from "node:readline";

const [modules, secret] = process.argv.slice(2);
const { Webhook } = createRequire(resolve(modules, "x.js"))("standardwebhooks");
const webhook = new Webhook(secret);
for await (const line of createInterface({ input: process.stdin })) {
  const { headers, body } = JSON.parse(line);
  try {
    webhook.verify(body, Object.fromEntries(Object.entries(headers).map(([k, v]) => [k.toLowerCase(), v])));
    console.log("good");
  } catch (e) {
    console.log(e.message);
  }
}
