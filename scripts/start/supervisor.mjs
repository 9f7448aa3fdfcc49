// Keeps a set of services up.
//   starting -> ready -> (ends) -> waiting -> starting        any of them -> stopping -> stopped
// A service that ends is started again after a capped exponential backoff, which begins anew once it has been
// up for a while. Nothing is restarted once a stop has begun.
import { rotate } from '../lib/logs.mjs';
import { within } from '../lib/poll.mjs';
import { backoffMs } from './backoff.mjs';

const STEADY_MS = 30_000;
const STOP_DEADLINE_MS = 12_000;
const ROTATE_EVERY_MS = 5000;

const briefly = (error) => error.brief ?? error.message.split('\n')[0];

export class Supervisor {
  #units = new Map();
  #stopping = false;
  #tell;
  #rotation;

  /** `tell(text)` gets what a person should know: ends, restarts, forced stops. */
  constructor(tell, { rotateEveryMs = ROTATE_EVERY_MS } = {}) {
    this.#tell = tell;
    this.#rotation = setInterval(() => this.#rotateLogs(), rotateEveryMs);
    this.#rotation.unref();
  }

  /**
   * `start(onSpawn)` resolves to a running service ({pid, exited, stop(), kill9(), logFile}) when it is ready, and
   * hands it to `onSpawn` before that, so that a stop finds it. The first start is awaited and its failure is the
   * caller's; later ones are retried for as long as it takes.
   */
  async add(name, start, { firstStartRetries = 0 } = {}) {
    const unit = { name, start, running: undefined, failures: 0, loop: undefined };
    this.#units.set(name, unit);
    for (;;) {
      try {
        await this.#launch(unit);
        break;
      } catch (error) {
        if (this.#stopping || unit.failures >= firstStartRetries) throw error;
        await this.#pause(unit, briefly(error));
      }
    }
    unit.loop = this.#keepUp(unit);
    return unit.running;
  }

  running(name) {
    return this.#units.get(name)?.running;
  }

  async #launch(unit) {
    const running = await unit.start((spawned) => {
      unit.running = spawned;
    });
    unit.running = running;
    unit.readyAt = Date.now();
    // A stop that came during the start did not see this one.
    if (this.#stopping) await this.#stopOne(unit);
  }

  async #keepUp(unit) {
    while (!this.#stopping) {
      const exit = await unit.running.exited;
      if (this.#stopping) return;
      if (Date.now() - unit.readyAt >= STEADY_MS) unit.failures = 0;
      let why = `ended with ${exit.signal ?? `code ${exit.code}`}`;
      for (let up = false; !up && !this.#stopping;) {
        await this.#pause(unit, why);
        if (this.#stopping) return;
        try {
          await this.#launch(unit);
          this.#tell(`${unit.name} is back (process ${unit.running.pid})`);
          up = true;
        } catch (error) {
          why = briefly(error);
        }
      }
    }
  }

  async #pause(unit, why) {
    unit.failures += 1;
    const waitMs = backoffMs(unit.failures);
    this.#tell(`${unit.name}: ${why}; starting it again in ${(waitMs / 1000).toFixed(2)} s`);
    const step = 100;
    for (let waited = 0; waited < waitMs && !this.#stopping; waited += step) {
      await new Promise((resolve) => setTimeout(resolve, Math.min(step, waitMs - waited)));
    }
  }

  #rotateLogs() {
    for (const { running } of this.#units.values()) {
      try {
        if (running?.logFile) rotate(running.logFile);
      } catch {
        // the disk is full or the file is gone: the service matters more than its log
      }
    }
  }

  async #stopOne(unit) {
    const running = unit.running;
    if (!running) return;
    if (
      await within(
        running.stop().then(() => true),
        STOP_DEADLINE_MS + 5000,
        false,
      )
    )
      return;
    this.#tell(`${unit.name} did not stop in time and was killed`);
    await running.kill9();
  }

  /** No restart from here on, also for units that a later `stop` will end. */
  announceStop() {
    this.#stopping = true;
  }

  /** Stops the named units side by side (all of them without names). */
  async stop(names = [...this.#units.keys()]) {
    this.announceStop();
    clearInterval(this.#rotation);
    await Promise.all(names.map((name) => this.#units.get(name)).map((unit) => unit && this.#stopOne(unit)));
  }
}

export { STOP_DEADLINE_MS };
