import { type Command, type ContextName, type Limits } from '@fluxforge/events/catalogue';
import { encodeCommand } from '@fluxforge/events/envelope';
import { type Topics } from '@fluxforge/events/topics';
import { type Counters } from '../counters.js';
import { type FaultyLog } from '../faulty-log.js';
import { type FloodScenario } from '../flood-scenario.js';
import { type Prng } from '../prng.js';
import { type Scenario } from '../scenario.js';
import { type Timeline } from '../timeline.js';
import { type Witness } from '../witness.js';
import { ApiServer } from './api-server.js';
import { FloodModel } from './flood-model.js';
import { contextOf, type Request, Requests } from './requests.js';
import { SharedCache, type Told } from './shared-cache.js';

export interface FloodWorld {
  readonly timeline: Timeline;
  readonly log: FaultyLog;
  readonly topics: Topics;
  readonly scenario: Scenario;
  readonly witness: Witness;
  readonly counters: Counters;
  /** What whoever leads the partition tells, committed; null: nobody does, or may not speak. */
  readonly owner: (context: ContextName) => Told | null;
}

const mirrorEveryMs = 250;
const partition = 0;
/** Requests of a tenant come closer together than they were sent when answers of the cache are late. */
const marginMs = 100;

/** The flood, the API servers that it meets, and the tenant that has to get through. */
export class Flood {
  private readonly cache: SharedCache;
  private readonly model: FloodModel;
  private readonly servers: readonly ApiServer[];
  private readonly requests: ReadonlyMap<string, Requests>;
  private commands = 0;
  private untilMs = 0;

  constructor(
    private readonly world: FloodWorld,
    private readonly flood: FloodScenario,
    private readonly prng: Prng,
  ) {
    const { timeline, scenario, counters } = world;
    this.cache = new SharedCache(timeline, prng.fork('cache'));
    this.model = new FloodModel(flood, scenario.tenants, timeline, counters);
    const askOwner = (context: ContextName, answer: (told: Told | null) => void): void =>
      timeline.after(prng.between(2, 10), 'ask-owner', () => answer(world.owner(context)));
    const api = { timeline, cache: this.cache, model: this.model, scenario: flood, askOwner };
    this.servers = Array.from({ length: flood.servers }, (_, i) => new ApiServer(api, i));
    this.requests = new Map(
      scenario.tenants.map((id) => [id, new Requests(prng.fork(`requests/${id}`), id)]),
    );
  }

  start(): void {
    const { timeline, scenario } = this.world;
    const { startsAfterMs, lastsMs, quietTenant, lanes } = this.flood;
    timeline.after(startsAfterMs, 'flood', () => {
      this.untilMs = timeline.nowMs + lastsMs;
      this.cache.startSpells(this.flood);
      this.mirror('tasks');
      this.mirror('states');
      this.quiet(0);
      for (const tenantId of scenario.tenants) {
        if (tenantId === quietTenant) continue;
        for (let lane = 0; lane < lanes; lane++) this.lane(tenantId);
      }
    });
  }

  private get isOver(): boolean {
    return this.world.timeline.nowMs >= this.untilMs;
  }

  private mirror(context: ContextName): void {
    if (this.isOver) return;
    const told = this.world.owner(context);
    if (told) this.cache.put(context, told);
    this.world.timeline.after(told ? mirrorEveryMs : mirrorEveryMs / 5, 'mirror', () => this.mirror(context));
  }

  /** As fast as it is answered, whatever the answer is. */
  private lane(tenantId: string): void {
    const { timeline } = this.world;
    timeline.after(1 + this.prng.spread(this.flood.thinkMs), 'flood-request', () => {
      if (this.isOver) return;
      const request = this.requestsOf(tenantId).any(timeline.nowMs);
      this.send(this.prng.pick(this.servers), tenantId, request, () => this.lane(tenantId));
    });
  }

  /** At its rate and no faster, whether it is answered or not. */
  private quiet(sent: number): void {
    const { quietTenant, spread, servers } = this.flood;
    const { timeline } = this.world;
    const perSecond = this.limitsOf(quietTenant).submissions_per_s ?? 1;
    const paceMs = Math.ceil(1_000 / perSecond) * (spread === 'one server' ? servers : 1) + marginMs;
    timeline.after(paceMs + this.prng.spread(50), 'quiet-request', () => {
      if (this.isOver) return;
      this.quiet(sent + 1);
      const server = this.servers[spread === 'one server' ? 0 : sent % servers] as ApiServer;
      const request = this.requestsOf(quietTenant).submission(timeline.nowMs);
      this.send(server, quietTenant, request, () => undefined);
    });
  }

  private requestsOf(tenantId: string): Requests {
    return this.requests.get(tenantId) as Requests;
  }

  private limitsOf(tenantId: string): Partial<Limits> {
    return this.flood.limits.get(tenantId) ?? {};
  }

  private send(server: ApiServer, tenantId: string, request: Request, answered: () => void): void {
    const { witness, counters } = this.world;
    // Nobody has a key of a tenant that is not there yet.
    if (!witness.tasks.tenants.has(tenantId)) return answered();
    const { body } = request;
    const over = (): void => {
      this.model.over(body);
      answered();
    };
    this.model.began(body);
    server.admit(tenantId, this.limitsOf(tenantId), body, (shed, wasBlind) => {
      if (this.cache.isLost) counters.add('cache lost while flooded');
      if (shed === null)
        return this.write(server, tenantId, request, (offset) => {
          if (offset !== null) this.model.wrote(server.index, tenantId, body, offset, wasBlind);
          over();
        });
      this.model.shed(tenantId, body, shed);
      over();
    });
  }

  private write(
    server: ApiServer,
    tenantId: string,
    { body, taskId }: Request,
    answered: (offset: number | null) => void,
  ): void {
    const { timeline, log, topics, witness } = this.world;
    this.commands += 1;
    const id = `f-${this.commands}`;
    witness.submitted(id, tenantId, taskId);
    const actor = `key:k-${tenantId}`;
    const provenance = { actor, reason: null, causationId: id, correlationId: id, traceparent: null };
    const command = { ...body, id, tenantId, provenance } as Command;
    const context = contextOf(body);
    const tp = { topic: topics.commands[context], partition };
    log.append(tp, [encodeCommand(command, timeline.nowMs)], {
      ok: (offset) => {
        witness.acknowledged(id);
        server.wrote(context, tenantId, offset);
        this.model.landed(body, log.core.end(tp) - 1);
        answered(offset);
      },
      failed: () => answered(null),
    });
  }
}
