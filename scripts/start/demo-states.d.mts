export interface DemoState {
  readonly file: string;
  readonly agent: string;
  readonly body: Readonly<{
    name: string;
    selector: string;
    interval: string;
    check_cmd: string;
    apply_cmd: string;
  }>;
}
export function quote(text: string): string;
export function demoStates(demoDir: string): DemoState[];
