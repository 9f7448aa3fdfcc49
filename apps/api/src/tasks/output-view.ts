import { type OutputPage } from '@fluxforge/read-models';

/** Bytes stay bytes: a chunk may end in the middle of a character, so it is base64 and never half decoded. */
export function outputView(page: OutputPage) {
  return {
    items: page.items.map(({ data, ...row }) => ({ ...row, data_base64: data.toString('base64') })),
    next_cursor: page.next_cursor,
    resume_cursor: page.resume_cursor,
  };
}

export function outputText(page: OutputPage): Buffer {
  return Buffer.concat(
    page.items.flatMap((row) =>
      row.gap_bytes > 0 ? [Buffer.from(`\n[${row.gap_bytes} bytes are missing]\n`), row.data] : [row.data],
    ),
  );
}
