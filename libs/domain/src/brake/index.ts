export { Brake, defaultBrake, type BrakeImage, type BrakePolicy } from './brake.js';
export { decideRelease, type ReleaseCommand } from './decide-release.js';
