/** `degraded`: it does its work, but a part of it waits for an operator. `down`: it cannot do its work now. */
export type Health = 'ok' | 'degraded' | 'down';

export interface CheckState {
  readonly health: Health;
  readonly detail?: string;
}

export interface ReadinessReport {
  readonly status: Health;
  readonly checks: Readonly<Record<string, CheckState>>;
}

/** What a process says of itself at `/readyz`. The parts are named at the start and begin as down. */
export class Readiness {
  private readonly checks = new Map<string, CheckState>();

  constructor(parts: readonly string[] = []) {
    for (const part of parts) this.checks.set(part, { health: 'down', detail: 'starting' });
  }

  set(part: string, health: Health, detail?: string): void {
    this.checks.set(part, detail === undefined ? { health } : { health, detail });
  }

  clear(part: string): void {
    this.checks.delete(part);
  }

  report(): ReadinessReport {
    const states = [...this.checks.values()];
    const worst = (['down', 'degraded'] as const).find((h) => states.some((s) => s.health === h));
    return { status: worst ?? 'ok', checks: Object.fromEntries(this.checks) };
  }

  /** A degraded process still serves: taking it away would only make things worse. */
  get ready(): boolean {
    return this.report().status !== 'down';
  }
}
