// `fluxforge submit`: one task, and with --wait how it came out.
import { Failure } from './failure.mjs';
import { logs } from './logs.mjs';
import { taskOf } from './task.mjs';
import { said } from './usage.mjs';

const POLL_MS = 300;

export async function submit(client, command, options, { print, out }) {
  const where = said({ agent_id: options.agent, selector: options.selector });
  const body = { ...taskOf(command, options), ...where };
  const { id } = await client.submit(body, options.key);
  if (!options.wait) return print(id);
  const status = await ended(client, id);
  await logs(client, id, { follow: true }, out);
  if (status.end !== 'succeeded') {
    const exit = status.exit_code === null ? '' : `, exit ${status.exit_code}`;
    throw new Failure(`${id} ${status.end} (${status.reason}${exit})`);
  }
}

async function ended(client, id) {
  for (;;) {
    const { status } = await client.get(`/v1/tasks/${id}`);
    if (status.phase === 'ended') return status;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
