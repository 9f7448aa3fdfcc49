export { systemTenant } from '@fluxforge/events/catalogue';
export { header, hashedHeaders } from './headers.js';
export { checkerOf, flawOfEvent, flawOfCommand, isEventType, isCommandType } from './validators.js';
export { PoisonRecord, parseBody } from './poison.js';
export { encodeCommand, decodeCommand, maxCommandBytes } from './command-record.js';
export { encodeEvent, decodeEvent, type EventOrigin, type RecordedEvent } from './event-record.js';
export { currentVersion, parseVersionedType, upcast } from './upcasters.js';
