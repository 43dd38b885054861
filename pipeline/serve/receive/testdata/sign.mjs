// node sign.mjs NODE_MODULES SECRET: signs now, as senders do, one JSON object with
// id and body per line of stdin, and prints its headers.
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { createInterface } from "node:readline";

const [modules, secret] = process.argv.slice(2);
const { Webhook } = createRequire(resolve(modules, "x.js"))("standardwebhooks");
const webhook = new Webhook(secret);
for await (const line of createInterface({ input: process.stdin })) {
  const { id, body } = JSON.parse(line);
  const now = new Date();
  const timestamp = Math.floor(now.getTime() / 1000).toString();
  console.log(JSON.stringify({ "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": webhook.sign(id, now, body) }));
}
