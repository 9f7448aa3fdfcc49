export { planPlacement, type PlacementMember } from './placement.js';
