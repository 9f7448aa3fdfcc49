import { type TaskSpec } from '@fluxforge/events/catalogue';
import { utf8Bytes } from '@fluxforge/domain/kernel';

/** Specs remembered in each tenant. Beyond it the one that was used longest ago goes; its tasks keep it. */
const specsKept = 1_024;
/** A longer one is not shared: commands and environments may be large, and all of these texts are kept. */
const longestShared = 2_048;

const bytes: unique symbol = Symbol('bytes');
type Measured = TaskSpec & { readonly [bytes]?: number };

/** How much its JSON takes: the same before it is written to the log and after it was read. */
export function specBytes(spec: Measured): number {
  return spec[bytes] ?? utf8Bytes(JSON.stringify(spec));
}

/** Not enumerable: neither a snapshot nor a copy that says something else may take it along. */
function measured(spec: TaskSpec, text: string): TaskSpec {
  return Object.defineProperty({ ...spec }, bytes, { value: utf8Bytes(text) });
}

/**
 * Tasks that say the same share one spec: each event's own copy is several times as large as all else that is
 * kept of a queued task. Which are shared shows in the memory and nowhere else. Each is measured once, when it comes.
 */
export class SharedSpecs {
  private readonly byText = new Map<string, TaskSpec>();

  of(spec: TaskSpec): TaskSpec {
    const text = JSON.stringify(spec);
    if (text.length > longestShared) return measured(spec, text);
    const known = this.byText.get(text);
    if (known) this.byText.delete(text);
    else if (this.byText.size >= specsKept) {
      for (const oldest of this.byText.keys()) {
        this.byText.delete(oldest);
        break;
      }
    }
    const kept = known ?? measured(spec, text);
    this.byText.set(text, kept);
    return kept;
  }
}
