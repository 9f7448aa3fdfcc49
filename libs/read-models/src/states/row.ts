import { type Selector, type StateSpec } from '@fluxforge/events/catalogue';
import { type Condition, type PageRequest, type Resource } from '../queries/common.js';

export interface TargetCounts {
  readonly total: number;
  readonly unknown: number;
  readonly compliant: number;
  readonly drifted: number;
  readonly remediating: number;
  readonly given_up: number;
}

export interface StateStatus {
  readonly suspended: boolean;
  /** The generation that every target has been checked at; below `generation` while some are still due. */
  readonly observed_generation: number;
  readonly targets: TargetCounts;
  /** `compliant`, `remediating`, `given_up`, `suspended`. */
  readonly conditions: readonly Condition[];
}

export interface StateRow extends Resource, Readonly<StateSpec> {
  readonly status: StateStatus;
}

export interface StateFilter extends PageRequest {
  readonly name?: string;
  /** Over the labels of the states themselves. */
  readonly labels?: Selector;
}
