/** Where agents reach this server's output streams; known once the gRPC server listens. */
export class OutputAddress {
  address = '';
}
