import { type AgentMessageBody, type Hello } from '@fluxforge/agent-protocol';
import { type Logger } from '@fluxforge/telemetry';
import { errorText } from '../machine/index.js';
import { type NextStep, Route, type RouteLimits, defaultRouteLimits } from './route.js';
import { Session, type SessionEnd, type SessionHandlers } from './session.js';

export interface Discovery {
  /** The owner's address as the API knows it now. Rejects when the API cannot be reached. */
  find(): Promise<{ address: string; generation: number }>;
  /** The last address that worked, or came with the enrolment. */
  remembered(): string;
  remember(address: string): void;
}

export class RefusedForGood extends Error {
  constructor(reason: string) {
    super(`the control plane refuses this agent: ${reason}`);
    this.name = 'RefusedForGood';
  }
}

const SETTLED_AFTER_MS = 5000;

/** Keeps one session up, for ever: dials, follows the owner, backs off. */
export class ControlStream {
  private session: Session | undefined;
  private closed = false;
  private wake: (() => void) | undefined;
  private readonly route: Route;

  constructor(
    private readonly discovery: Discovery,
    private readonly hello: () => Hello,
    private readonly handlers: SessionHandlers,
    private readonly log: Logger,
    limits: RouteLimits = defaultRouteLimits,
  ) {
    this.route = new Route(limits, Math.random);
  }

  send(body: AgentMessageBody): void {
    this.session?.send(body);
  }

  get isLive(): boolean {
    return this.session?.isLive ?? false;
  }

  /** Resolves after `close`; rejects only when the server refuses for good. */
  async run(): Promise<void> {
    let address = this.discovery.remembered() || (await this.discover());
    while (!this.closed) {
      const step = address === '' ? this.route.lost() : await this.visit(address);
      await this.pause(step.delayMs);
      if (this.closed) return;
      address = step.kind === 'redirect' ? step.address : await this.discover();
    }
  }

  async close(withinMs: number): Promise<void> {
    this.closed = true;
    this.wake?.();
    await this.session?.close(withinMs);
  }

  private async visit(address: string): Promise<NextStep> {
    this.route.dialled(address);
    this.log.debug({ address }, 'dialling');
    let greetedAtMs: number | undefined;
    const session = new Session(address, this.hello(), {
      ...bound(this.handlers),
      onGreeted: () => {
        greetedAtMs ??= performance.now();
        this.route.welcomed();
        this.discovery.remember(address);
        this.handlers.onGreeted();
      },
    });
    this.session = session;
    const end = await session.ended;
    this.session = undefined;
    if (greetedAtMs !== undefined && performance.now() - greetedAtMs > SETTLED_AFTER_MS) this.route.settled();
    if (!this.closed) this.log.info({ address, ...end }, 'control stream ended');
    return this.nextStep(end);
  }

  private nextStep(end: SessionEnd): NextStep {
    if (end.kind === 'refused' && !end.retry) throw new RefusedForGood(end.reason);
    return end.kind === 'moved' ? this.route.moved(end.address, end.generation) : this.route.lost();
  }

  /** The API first, for it knows who owns the partition now; without it, where it worked last. */
  private async discover(): Promise<string> {
    try {
      const { address, generation } = await this.discovery.find();
      this.route.discovered(generation);
      return address || this.discovery.remembered();
    } catch (error) {
      this.log.warn({ error: errorText(error) }, 'the API does not say where the dispatcher is');
      return this.discovery.remembered();
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function bound(handlers: SessionHandlers): SessionHandlers {
  return {
    onWelcome: (welcome) => handlers.onWelcome(welcome),
    inventory: () => handlers.inventory(),
    onGreeted: () => handlers.onGreeted(),
    onOrders: (orders) => handlers.onOrders(orders),
  };
}
