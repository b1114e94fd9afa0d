// @grpc-web/proxy, which translates to plain gRPC for the server behind it.
//
// grpc-web-proxy.mjs ADDRESS: the address of that server. It runs where its packages are installed.

import proxy from "@grpc-web/proxy";

const server = proxy({ target: `http://${process.argv[2]}` }).listen(0, "127.0.0.1", () =>
  console.log(`listening on 127.0.0.1:${server.address().port}`),
);
