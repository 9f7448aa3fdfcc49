export type InfraKind = 'external' | 'embedded' | 'docker';
export interface Address {
  readonly name: string;
  readonly value?: string | undefined;
}
export interface Probe {
  /** What embedded Kafka lacks here; undefined when it can run. */
  embeddedLacks(): Promise<string | undefined>;
  dockerIsRunning(): Promise<boolean>;
}
export function chooseKinds<Part extends string>(from: {
  forced?: string | undefined;
  addresses: Readonly<Record<Part, Address>>;
  probe?: Probe;
}): Promise<Record<Part, InfraKind>>;
