// The same of Node's server, whose reader is llhttp.
const http = require('node:http');
let counted = 0;
const server = http.createServer((request, answer) => {
  if (request.url === '/counted') return answer.end(String(counted));
  ++counted;
  request.on('data', () => {});
  request.on('end', () => answer.end('{}'));
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
