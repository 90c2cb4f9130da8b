// An OpenID provider nobody here wrote: panva's oidc-provider, with people of ours who sign in without a page. This file
// is only the glue: TLS, accounts, and what goes into an access token. It says where it listens in one JSON line on
// stdout and ends when its stdin does. How to run it: docs/real-parts.md.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import Provider, { errors } from 'oidc-provider';

const setting = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; see docs/real-parts.md`);
  return value;
};

const audience = setting('LAZARET_AUDIENCE');
const TWO_FACTORS = 'urn:lazaret:acr:mfa';
const ONE_FACTOR = 'urn:lazaret:acr:pwd';
// Never visited: the code is read from the redirect to it.
const REDIRECT = 'https://app.lazaret.invalid/callback';
const SIGN_IN = '/sign-in/';
const TOKEN_TTL_S = 900;

// Who can sign in, by `login_hint`; the same people as the development issuer's. The subject is `<name>-1`.
const people = {
  nurse: { groups: ['nurse'], fhirUser: 'Practitioner/nurse-1', department: 'dept-cardiology' },
  physician: { groups: ['physician'], fhirUser: 'Practitioner/physician-1', department: 'dept-cardiology' },
  support: { groups: ['support'] },
  billing: { groups: ['billing'] },
  analyst: { groups: ['analyst'] },
  admin: { groups: ['admin'] },
  patient: { groups: ['patient'], fhirUser: 'Patient/p001', patient: 'p001' },
};
const person = (subject) => people[subject.replace(/-1$/, '')];

// SMART scopes the resource server knows (SMART App Launch 2.2.0). What is asked for and not listed is not granted.
const types = ['*', 'Patient', 'Observation', 'Condition', 'Encounter', 'MedicationRequest', 'AllergyIntolerance', 'Coverage',
  'CareTeam', 'Appointment'];
const permissions = ['r', 'rs', 'read'];
const scopes = ['user', 'patient', 'system'].flatMap((who) =>
  types.flatMap((type) => permissions.map((permission) => `${who}/${type}.${permission}`)),
);
scopes.push('user/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory');

const client = (id, more) => ({
  client_id: id,
  redirect_uris: [REDIRECT],
  response_types: ['code'],
  grant_types: ['authorization_code'],
  token_endpoint_auth_method: 'none',
  ...more,
});

const signingKey = () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomBytes(8).toString('hex'), use: 'sig', alg: 'RS256' };
};

const configuration = {
  clients: [
    client('lazaret-test'),
    // Its access tokens are bound to the certificate of the TLS connection (RFC 8705).
    client('lazaret-test-bound', { tls_client_certificate_bound_access_tokens: true }),
    // Its access tokens are opaque, as those of some large providers are.
    client('lazaret-test-opaque'),
  ],
  jwks: { keys: [signingKey()] },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  pkce: { required: () => true },
  scopes: ['openid', 'launch/patient', ...scopes],
  claims: { openid: ['sub', 'acr', 'amr', 'auth_time'] },
  acrValues: [TWO_FACTORS, ONE_FACTOR],
  ttl: { AccessToken: TOKEN_TTL_S, AuthorizationCode: 60, IdToken: TOKEN_TTL_S, Interaction: 300, Session: 3600, Grant: 3600 },
  interactions: { url: (_, interaction) => SIGN_IN + interaction.uid },
  findAccount: (_, subject) => person(subject) && { accountId: subject, claims: () => ({ sub: subject }) },
  features: {
    devInteractions: { enabled: false },
    mTLS: {
      enabled: true,
      certificateBoundAccessTokens: true,
      getCertificate: (context) => {
        const certificate = context.socket.getPeerX509Certificate?.();
        return certificate && certificate.toString();
      },
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => audience,
      useGrantedResource: () => true,
      getResourceServerInfo: (_, resource, asking) => {
        if (resource !== audience) throw new errors.InvalidTarget();
        return {
          audience,
          scope: scopes.join(' '),
          accessTokenTTL: TOKEN_TTL_S,
          accessTokenFormat: asking.clientId === 'lazaret-test-opaque' ? 'opaque' : 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        };
      },
    },
  },
  // What a gateway decides by: who, in which role, how surely and when they signed in.
  extraTokenClaims: (context, token) => {
    const { AuthorizationCode: code } = context.oidc.entities;
    return { ...person(token.accountId), acr: code?.acr, amr: code?.amr, auth_time: code?.authTime };
  },
};

/** Signs the person named in `login_hint` in, at the level asked for in `acr_values`, and consents to everything. */
async function signIn(provider, request, response) {
  const { params, prompt, session, grantId } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login' && !Object.hasOwn(people, params.login_hint)) {
    return provider.interactionFinished(request, response, { error: 'access_denied', error_description: 'nobody of that name' });
  }
  if (prompt.name === 'login') {
    const accountId = `${params.login_hint}-1`;
    const acr = params.acr_values?.split(' ')[0] ?? TWO_FACTORS;
    const amr = acr === TWO_FACTORS ? ['pwd', 'hwk'] : ['pwd'];
    return provider.interactionFinished(request, response, { login: { accountId, acr, amr, remember: false } });
  }
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  const { missingOIDCScope, missingOIDCClaims, missingResourceScopes } = prompt.details;
  if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(' '));
  if (missingOIDCClaims) grant.addOIDCClaims(missingOIDCClaims);
  for (const [resource, missing] of Object.entries(missingResourceScopes ?? {})) grant.addResourceScope(resource, missing.join(' '));
  const consent = { grantId: await grant.save() };
  return provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true });
}

const server = createServer({
  cert: readFileSync(setting('LAZARET_CERT')),
  key: readFileSync(setting('LAZARET_KEY')),
  // For tokens bound to a certificate: any is taken, none is asked to be trusted; the binding is the point.
  requestCert: true,
  rejectUnauthorized: false,
  minVersion: 'TLSv1.3',
});
server.listen(0, '127.0.0.1', () => {
  // The issuer's name contains the port, so the provider is made once it is known.
  const { port } = server.address();
  const issuer = `https://localhost:${port}`;
  const provider = new Provider(issuer, configuration);
  const callback = provider.callback();
  server.on('request', (request, response) => {
    if (!request.url.startsWith(SIGN_IN)) return callback(request, response);
    signIn(provider, request, response).catch((error) => {
      response.statusCode = 400;
      response.end(`${error.name}: ${error.message}\n`);
    });
  });
  console.log(JSON.stringify({ port, issuer, audience, clients: configuration.clients.map((it) => it.client_id), redirect: REDIRECT }));
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
process.stdin.on('error', () => process.exit(0));
