// node oidc.mjs NODE_MODULES: an OAuth server that asks for PKCE and rotates its
// refresh tokens, with a list that takes its tokens. It prints its address, and
// ends with stdin. GET /withdraw ends the access tokens that it has given.
import { createServer } from "node:http";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const modules = resolve(process.argv[2]);
const { Provider } = await import(pathToFileURL(join(modules, "oidc-provider/lib/index.js")));

const server = createServer((req, res) => handle(req, res).catch((e) => res.writeHead(500).end(String(e))));
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [{
    client_id: "acme",
    client_secret: "s3cret",
    application_type: "native",
    redirect_uris: ["http://127.0.0.1/callback"], // at any port, as RFC 8252 has it
    grant_types: ["authorization_code", "refresh_token", "client_credentials"],
    token_endpoint_auth_method: "client_secret_post",
  }],
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false }, clientCredentials: { enabled: true } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  issueRefreshToken: () => true,
  rotateRefreshToken: () => true,
  ttl: { AccessToken: 3600, ClientCredentials: 3600, RefreshToken: 3600, AuthorizationCode: 60, Interaction: 60, Session: 60, Grant: 3600, IdToken: 60 },
  cookies: { keys: ["of a test"] },
});
const given = new Map();
for (const kind of ["access_token.saved", "client_credentials.saved"]) {
  provider.on(kind, (token) => given.set(token.jti, true));
}

async function handle(req, res) {
  const path = new URL(req.url, issuer).pathname;
  if (path === "/people") {
    const text = (req.headers.authorization ?? "").replace(/^Bearer /, "");
    const token = await provider.AccessToken.find(text) ?? await provider.ClientCredentials.find(text);
    const good = token && given.get(token.jti);
    res.writeHead(good ? 200 : 401, { "Content-Type": "application/json" });
    return res.end(good ? '[{"id": 1}, {"id": 2}]' : "{}");
  }
  if (path === "/withdraw") {
    given.clear();
    return res.end("withdrawn");
  }
  if (!path.startsWith("/interaction/")) {
    return provider.callback()(req, res);
  }
  const { prompt, params, session } = await provider.interactionDetails(req, res);
  if (prompt.name === "login") {
    return provider.interactionFinished(req, res, { login: { accountId: "zoe" } });
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope("openid");
  return provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
}

console.log(issuer);
process.stdin.on("end", () => process.exit(0)).resume();
