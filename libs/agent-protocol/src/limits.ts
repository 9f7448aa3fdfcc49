/** Raised only when an old agent could no longer work with a new server, or the other way round. */
export const PROTOCOL_VERSION = 1;

/** Both sides refuse larger frames (gRPC's own receive limit is set to it). */
export const MAX_FRAME_BYTES = 4 * 1024 * 1024;

/** Senders split longer lists of messages over several frames. */
export const FRAME_MESSAGES_LIMIT = 256;

export const CHECK_OUTPUT_TAIL_BYTES = 4096;
export const ERROR_TEXT_LIMIT = 1024;
