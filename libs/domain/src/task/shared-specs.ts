import { type TaskSpec } from '@fluxforge/events/catalogue';

/** Specs remembered in each tenant. Beyond it the one that was used longest ago goes; its tasks keep it. */
const specsKept = 1_024;
/** A longer one is not shared: commands and environments may be large, and all of these texts are kept. */
const longestShared = 2_048;

/**
 * Tasks that say the same share one spec: each event's own copy is several times as large as all else that is
 * kept of a queued task. Which are shared shows in the memory and nowhere else.
 */
export class SharedSpecs {
  private readonly byText = new Map<string, TaskSpec>();

  of(spec: TaskSpec): TaskSpec {
    const text = JSON.stringify(spec);
    if (text.length > longestShared) return spec;
    const known = this.byText.get(text);
    if (known) this.byText.delete(text);
    else if (this.byText.size >= specsKept) {
      for (const oldest of this.byText.keys()) {
        this.byText.delete(oldest);
        break;
      }
    }
    this.byText.set(text, known ?? spec);
    return known ?? spec;
  }
}
