import { type TaskSpec } from '@fluxforge/events/catalogue';
import { utf8Bytes } from '@fluxforge/domain/kernel';

/** Specs remembered in each tenant. Beyond it the one that was used longest ago goes; its tasks keep it. */
const specsKept = 1_024;
/** A longer one is not shared: commands and environments may be large, and all of these texts are kept. */
const longestShared = 2_048;

export interface Measured {
  readonly spec: TaskSpec;
  /** What its JSON takes: the same before it is written to the log and after it was read. */
  readonly bytes: number;
}

export function specBytes(spec: TaskSpec): number {
  return utf8Bytes(JSON.stringify(spec));
}

/**
 * Tasks that say the same share one spec: each event's own copy is several times as large as all else that is
 * kept of a queued task. Which are shared shows in the memory and nowhere else.
 */
export class SharedSpecs {
  private readonly byText = new Map<string, Measured>();

  of(spec: TaskSpec): Measured {
    const text = JSON.stringify(spec);
    if (text.length > longestShared) return { spec, bytes: utf8Bytes(text) };
    const known = this.byText.get(text);
    if (known) this.byText.delete(text);
    else if (this.byText.size >= specsKept) {
      for (const oldest of this.byText.keys()) {
        this.byText.delete(oldest);
        break;
      }
    }
    const kept = known ?? { spec, bytes: utf8Bytes(text) };
    this.byText.set(text, kept);
    return kept;
  }
}
