// node receive.mjs NODE_MODULES SECRET: a receiver as others write it. It prints its
// address, verifies each request, answers in the ways there are, and now and then
// closes a connection behind an answer without having said so. When stdin ends it
// prints how many requests it took, how many of those it had before, and over how
// many connections.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [modules, secret] = process.argv.slice(2);
const { Webhook } = createRequire(resolve(modules, "x.js"))("standardwebhooks");
const webhook = new Webhook(secret);
const seen = new Set();
let taken = 0, again = 0, connections = 0;
const server = createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    try {
      webhook.verify(Buffer.concat(parts).toString(), request.headers);
    } catch (e) {
      response.writeHead(400).end(e.message);
      return;
    }
    const id = request.headers["webhook-id"];
    if (seen.has(id)) again++;
    else seen.add(id);
    const n = taken++;
    if (n % 3 === 0) response.writeHead(204);
    else if (n % 3 === 1) response.write("taken in "); // in chunks
    if (n % 7 === 6) response.on("close", () => request.socket.destroySoon());
    response.end(n % 3 === 0 ? undefined : "full");
  });
});
server.on("connection", () => connections++);
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/rows`));
process.stdin.resume();
process.stdin.on("end", () => {
  console.log(JSON.stringify({ taken, again, connections }));
  process.exit(0);
});
