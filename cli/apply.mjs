// `fluxforge apply`: brings what is declared to what the file says, and waits until the owner has decided.
import { Failure } from './failure.mjs';
import { readDocuments } from './documents.mjs';

export async function apply(client, { file }, say) {
  // All files are read before anything is sent: a mistake in the last one must not leave half of it applied.
  const documents = file.flatMap(readDocuments);
  let failed = 0;
  for (const document of documents) {
    try {
      say(await applyOne(client, document));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      failed += 1;
      say(`${label(document)}: ${error.message}`, true);
    }
  }
  if (failed > 0) throw new Failure(`${failed} of ${documents.length} documents were not applied`);
}

async function applyOne(client, document) {
  const { body } = document;
  if (document.kind === 'Task') {
    const { idempotency_key: key, ...task } = body;
    const { id } = await client.submit(task, key);
    return `${label(document)}: submitted as ${id}`;
  }
  if (document.kind === 'Schedule') return applySchedule(client, document);
  const { items } = await client.get('/v1/states', { name: body.name, limit: 1 });
  const found = items[0];
  if (!found) {
    const { id } = await client.change('POST', '/v1/states', { body });
    return `${label(document)}: created as ${id}`;
  }
  // The version that was read: what someone else changes in between is not overwritten unseen.
  const headers = { 'if-match': `"${found.resource_version}"` };
  const { command } = await client.change('PUT', `/v1/states/${found.id}`, { body, headers });
  const what = command.event_type === 'command.accepted' ? 'unchanged' : 'updated';
  return `${label(document)}: ${what} (${found.id})`;
}

/** By its name, which is then its identity: two of one name are for a person to sort out. */
async function applySchedule(client, document) {
  const { body } = document;
  const { items } = await client.get('/v1/schedules', { name: body.name, limit: 2 });
  if (items.length > 1)
    throw new Failure(`there are several schedules of this name: ${items.map((s) => s.id)}`);
  if (items.length === 0) {
    const { id } = await client.change('POST', '/v1/schedules', { body });
    return `${label(document)}: created as ${id}`;
  }
  const [{ id }] = items;
  const { command } = await client.change('PUT', `/v1/schedules/${id}`, { body });
  const what = command.event_type === 'command.accepted' ? 'unchanged' : 'updated';
  return `${label(document)}: ${what} (${id})`;
}

function label({ kind, body, where }) {
  return `${kind.toLowerCase()}/${body.name ?? where}`;
}
