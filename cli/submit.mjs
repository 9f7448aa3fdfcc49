// `fluxforge submit`: one task, and with --wait how it came out.
import { Failure } from './failure.mjs';
import { logs } from './logs.mjs';

const POLL_MS = 300;

export async function submit(client, command, options, { print, out }) {
  if (command.length > 0 === (options.shell !== undefined)) {
    throw new Failure('give a command after --, or --shell SCRIPT');
  }
  const body = {
    command: options.shell ?? command,
    ...given('name', options.name),
    ...given('agent_id', options.agent),
    ...given('selector', options.selector),
    ...given('execution_timeout', options.timeout),
    ...given('max_attempts', options.attempts === undefined ? undefined : Number(options.attempts)),
  };
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

const given = (name, value) => (value === undefined ? {} : { [name]: value });

export function pairs(words = []) {
  return Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf('=');
      if (at < 1) throw new Failure(`a label is key=value, not ${word}`);
      return [word.slice(0, at), word.slice(at + 1)];
    }),
  );
}
