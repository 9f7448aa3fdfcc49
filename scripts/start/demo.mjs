// Declares the example states, follows their events, and tells what happens to them.
import fs from 'node:fs';
import { poll, sleep } from '../lib/poll.mjs';
import { EventFeed } from './feed.mjs';
import { demoStates } from './demo-states.mjs';
import { Story } from './story.mjs';

const FOLLOW_EVERY_MS = 250;
const s = (ms) => `${(ms / 1000).toFixed(2)} s`;
const clock = (ms) => new Date(ms).toTimeString().slice(0, 8);

export class Demo {
  #client;
  #tell;
  #agentNames = new Map();
  #followed = [];
  #outage;

  constructor({ client, demoDir, tell }) {
    this.#client = client;
    this.#tell = tell;
    this.states = demoStates(demoDir);
  }

  /** Declares what is not there yet; a state of a former start is kept, or brought to today's commands. */
  async declare() {
    for (const { body, file, agent } of this.states) {
      const declaredAt = Date.now();
      const { id, token, fresh } = await this.#ensure(body);
      const feed = new EventFeed(this.#client, id);
      this.#followed.push({
        id,
        name: body.name,
        file,
        agent,
        token,
        feed,
        story: new Story(),
        settled: !fresh,
        fresh,
        declaredAt,
      });
    }
  }

  async #ensure(body) {
    const query = new URLSearchParams({ name: body.name });
    const { items } = await this.#client.get(`/v1/states?${query}`);
    const found = items.find((state) => state.name === body.name);
    if (!found) {
      const { id, token } = await this.#client.post('/v1/states', body);
      this.#tell(`${body.name}: declared`);
      return { id, token, fresh: true };
    }
    const changed = ['check_cmd', 'apply_cmd'].some((field) => !sameCommand(found[field], body[field]));
    if (!changed) {
      this.#tell(`${body.name}: declared at an earlier start, kept`);
      return { id: found.id, fresh: false };
    }
    const { token } = await this.#client.call('PUT', `/v1/states/${found.id}`, body);
    this.#tell(`${body.name}: declared at an earlier start, brought up to date`);
    return { id: found.id, token, fresh: true };
  }

  /** Tells what happens until the signal; failing calls are told once and tried on. */
  async follow(signal) {
    while (!signal.aborted) {
      try {
        for (const state of this.#followed) await this.#look(state, signal);
        if (this.#outage) this.#tell('the API answers again');
        this.#outage = undefined;
      } catch (error) {
        if (signal.aborted) return;
        if (!this.#outage) this.#tell(`the API does not answer well (${error.message}); still trying`);
        this.#outage = error;
      }
      await sleep(FOLLOW_EVERY_MS);
    }
  }

  async #look(state, signal) {
    for (const event of await state.feed.next(signal)) {
      const news = state.story.add(event);
      if (!news) continue;
      // What an earlier start has seen is history, not news.
      const old = !state.fresh && news.at < state.declaredAt;
      if (news.kind === 'verified' && !old) state.lastVerified = news;
      if (!old) await this.#report(state, news);
      if (news.kind === 'verified' || news.kind === 'compliant') state.settled = true;
    }
  }

  async #report({ name }, news) {
    const where = news.agentId ? ` on ${await this.#agentName(news.agentId)}` : '';
    const since =
      news.sinceDeclaredMs === undefined ? '' : `, ${s(news.sinceDeclaredMs)} after it was declared`;
    const lines = {
      declared: () => undefined,
      drifted: () => `drifted${where}, found at ${clock(news.at)}${since}`,
      remediated: () => `remediated${where}, ${s(news.tookMs)} after the drift was found`,
      verified: () => `verified${where}, ${s(news.tookMs)} after the drift was found: healed`,
      failed: () => `a remediation failed${where}: ${news.reason}`,
      'given-up': () => `given up${where}: ${news.reason}`,
      compliant: () => `compliant${where}`,
    };
    const text = lines[news.kind]();
    if (text) this.#tell(`${name}: ${text}`);
  }

  async #agentName(id) {
    if (!this.#agentNames.has(id)) {
      // Without its name an agent is told by its id: the event is not to be lost for it.
      const { items } = await this.#client.get('/v1/agents?limit=100').catch(() => ({ items: [] }));
      for (const agent of items) this.#agentNames.set(agent.id ?? agent.agent_id, agent.name);
    }
    return this.#agentNames.get(id) ?? id;
  }

  async #compliance(state) {
    const query = new URLSearchParams(state.token ? { min_position: state.token } : {});
    const { items } = await this.#client.get(`/v1/states/${state.id}/targets?${query}`);
    return items.map((target) => target.compliance);
  }

  /** Resolves when every target of every example state is compliant; throws past the deadline with what is not. */
  async untilClosed(deadlineMs) {
    let open = [];
    const look = async () => {
      open = [];
      for (const state of this.#followed) {
        const found = await this.#compliance(state).catch((error) => [error.message]);
        const isOpen = found.length === 0 || found.some((c) => c !== 'compliant');
        if (isOpen || !state.settled) open.push(`${state.name}: ${found.join() || 'no target'}`);
      }
      return open.length === 0;
    };
    await poll(look, { deadlineMs, stepMs: 300, what: () => `the loop did not close: ${open.join('; ')}` });
  }

  /** Deletes one managed file and waits until it is back and its state verified. */
  async breakAndHeal(deadlineMs) {
    const [state] = this.#followed;
    const content = fs.readFileSync(state.file, 'utf8');
    const deletedAt = Date.now();
    fs.rmSync(state.file);
    this.#tell(`deleted ${state.file}`);
    const back = () => fs.existsSync(state.file) && fs.readFileSync(state.file, 'utf8') === content;
    await poll(back, { deadlineMs, stepMs: 20, what: `${state.file} did not come back` });
    const backAfterMs = Date.now() - deletedAt;
    this.#tell(`the file is back after ${s(backAfterMs)}`);
    const rest = deadlineMs - backAfterMs;
    // The end of the drift that this deletion made, not that of an earlier one.
    await poll(() => state.lastVerified?.driftedAt >= deletedAt, {
      deadlineMs: rest,
      what: `${state.name} was not verified again`,
    });
    return { backAfterMs };
  }
}

/** The API may give a command back as it was declared or as its words. */
function sameCommand(found, wanted) {
  return found === wanted || (Array.isArray(found) && found.at(-1) === wanted);
}
