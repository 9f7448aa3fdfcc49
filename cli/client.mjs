// The REST API, with a deadline on every call, and errors as people want to read them.
import { randomUUID } from 'node:crypto';
import { Failure } from './failure.mjs';

const CALL_DEADLINE_MS = 35_000;
const ACCEPT_DEADLINE_MS = 60_000;
const WAIT_MS = 10_000;
const RETRY_MS = 500;
const MAX_TRIES = 5;

export class Problem extends Failure {
  constructor(status, body) {
    const fields = (body.errors ?? []).map((e) => `\n  ${e.field}: ${e.message}`).join('');
    super(`${body.code ?? status}: ${body.detail ?? body.title ?? 'no details'}${fields}`);
    this.status = status;
    this.body = body;
  }
}

export class Client {
  constructor({ url, key }) {
    this.url = url;
    this.key = key;
  }

  async call(method, route, { body, headers } = {}) {
    let response;
    let text;
    try {
      response = await fetch(`${this.url}${route}`, {
        method,
        headers: {
          authorization: `Bearer ${this.key}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(CALL_DEADLINE_MS),
      });
      text = await response.text();
    } catch (error) {
      throw new Failure(`no answer from ${this.url}: ${error.cause?.message ?? error.message}`, {
        cause: error,
      });
    }
    const answer = parse(text);
    if (!response.ok) throw new Problem(response.status, answer);
    return answer;
  }

  get(route, query = {}) {
    const params = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== undefined));
    return this.call('GET', params.size > 0 ? `${route}?${params}` : route);
  }

  /** Every item of a list, page by page. */
  async *all(route, query = {}) {
    let cursor;
    do {
      const page = await this.get(route, { limit: 200, ...query, cursor });
      yield* page.items;
      cursor = page.next_cursor ?? undefined;
    } while (cursor);
  }

  /**
   * A write until its owner has decided it. Surely not written: tried again. Not known: asked for,
   * never repeated, unless an idempotency key makes a repeat harmless.
   */
  async change(method, route, { body, headers } = {}) {
    const accepted = await this.#write(method, route, { body, headers });
    const command = await this.decided(accepted);
    return { ...accepted, command };
  }

  /** A task under a key of its own, so that it is submitted once however often it takes. */
  submit(body, key = randomUUID()) {
    return this.change('POST', '/v1/tasks', { body, headers: { 'idempotency-key': key } });
  }

  async decided({ command_id: id, token }) {
    const untilMs = Date.now() + ACCEPT_DEADLINE_MS;
    for (;;) {
      const command = await this.#askFor(id, token);
      if (command?.state === 'accepted') return command;
      if (command?.state === 'rejected') throw new Failure(`${command.code}: ${command.message}`);
      if (Date.now() > untilMs) throw new Failure(`command ${id} was accepted, but is not decided yet`);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  async #askFor(id, token) {
    try {
      return await this.get(`/v1/commands/${id}`, { min_position: token, wait_ms: WAIT_MS });
    } catch (error) {
      // The write is safe; only the view of it is away.
      if (error instanceof Problem && error.status === 503) return undefined;
      throw error;
    }
  }

  async #write(method, route, options) {
    const keyed = options.headers?.['idempotency-key'] !== undefined;
    for (let tries = 1; ; tries++) {
      try {
        return await this.call(method, route, options);
      } catch (error) {
        if (!(error instanceof Problem) || tries >= MAX_TRIES) throw error;
        const passing = error.status === 503 || (error.status === 504 && keyed);
        if (!passing && error.status === 504 && error.body.command_id) return error.body;
        if (!passing) throw error;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS * tries));
      }
    }
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return { detail: text.slice(0, 200) };
  }
}
