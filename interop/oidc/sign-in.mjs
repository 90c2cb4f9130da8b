// Signs a person in as an app would: authorization code with PKCE (RFC 6749 section 4.1, RFC 7636), following redirects
// and keeping cookies as a browser does. Prints the token endpoint's answer as one JSON line.
//
//   node sign-in.mjs ISSUER WHO SCOPE [CLIENT] [ACR]
//
// LAZARET_CA: who vouches for the issuer. LAZARET_AUDIENCE: whom the token is for. LAZARET_CERT, LAZARET_KEY: our own
// certificate, for a client whose tokens are bound to it.

import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';

const [issuer, who, scope, client = 'lazaret-test', acr] = process.argv.slice(2);
const { LAZARET_CA, LAZARET_AUDIENCE: audience, LAZARET_CERT, LAZARET_KEY } = process.env;
if (!issuer || !who || !scope || !LAZARET_CA || !audience) {
  console.error('usage: LAZARET_CA=ca.pem LAZARET_AUDIENCE=URL node sign-in.mjs ISSUER WHO SCOPE [CLIENT] [ACR]');
  process.exit(2);
}
const tls = { ca: readFileSync(LAZARET_CA) };
if (LAZARET_CERT) Object.assign(tls, { cert: readFileSync(LAZARET_CERT), key: readFileSync(LAZARET_KEY) });
const redirect = 'https://app.lazaret.invalid/callback';
const cookies = new Map();

function ask(url, { method = 'GET', body } = {}) {
  const headers = { cookie: [...cookies].map((pair) => pair.join('=')).join('; ') };
  if (body) headers['content-type'] = 'application/x-www-form-urlencoded';
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { ...tls, method, headers }, async (answer) => {
      for (const line of answer.headers['set-cookie'] ?? []) {
        const [name, value] = line.split(';')[0].split(/=(.*)/s);
        if (value) cookies.set(name, value);
        else cookies.delete(name);
      }
      const chunks = [];
      for await (const chunk of answer) chunks.push(chunk);
      resolve({ status: answer.statusCode, location: answer.headers.location, text: Buffer.concat(chunks).toString() });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const discovery = JSON.parse((await ask(`${issuer}/.well-known/openid-configuration`)).text);
const verifier = randomBytes(32).toString('base64url');
const state = randomBytes(16).toString('base64url');
const question = {
  client_id: client,
  response_type: 'code',
  redirect_uri: redirect,
  scope,
  state,
  code_challenge: createHash('sha256').update(verifier).digest('base64url'),
  code_challenge_method: 'S256',
  login_hint: who,
  resource: audience,
};
if (acr) question.acr_values = acr;
let at = `${discovery.authorization_endpoint}?${new URLSearchParams(question)}`;
for (let hops = 0; !at.startsWith(redirect); hops += 1) {
  const { status, location, text } = await ask(at);
  if (!location || hops > 10) throw new Error(`the sign-in ended with ${status}: ${text.slice(0, 200)}`);
  at = new URL(location, at).href;
}
const answered = new URL(at).searchParams;
if (answered.get('state') !== state || !answered.get('code')) {
  throw new Error(`the sign-in was refused: ${answered.get('error')} ${answered.get('error_description')}`);
}
const body = new URLSearchParams({
  grant_type: 'authorization_code',
  code: answered.get('code'),
  redirect_uri: redirect,
  client_id: client,
  code_verifier: verifier,
  resource: audience,
}).toString();
const { status, text } = await ask(discovery.token_endpoint, { method: 'POST', body });
console.log(JSON.stringify(JSON.parse(text)));
process.exit(status === 200 ? 0 : 1);
