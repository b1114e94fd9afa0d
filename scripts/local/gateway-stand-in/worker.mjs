// Forwards every request to the gateway on this machine. As with a VPC service, the URL's scheme,
// host and port are ignored. If no gateway answers, fetch throws, and so does the caller's fetch.

export default {
  fetch(request, env) {
    const { pathname, search } = new URL(request.url);
    return fetch(`http://127.0.0.1:${env.GATEWAY_PORT}${pathname}${search}`, request);
  },
};
