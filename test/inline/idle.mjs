// Both ends of connections that say nothing: `idle.mjs serve ADDRESS PORT` answers what it hears, `idle.mjs open ADDRESS PORT COUNT` opens so many
// connections, says so, and on SIGUSR2 speaks on each of them and says how many were answered
// when nothing more comes for four seconds.

import { connect, createServer } from 'node:net';

const [what, address, port, count] = process.argv.slice(2);

if (what === 'serve') {
  createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen({ host: address, port, backlog: 4096 });
} else {
  const sockets = [];
  for (let opened = 0; opened < Number(count); opened++) {
    const socket = connect(Number(port), address).on('error', () => {});
    await new Promise((resolve) => socket.once('connect', resolve));
    sockets.push(socket);
  }
  process.on('SIGUSR2', async () => {
    let answered = 0;
    let quiet = 0;
    for (const socket of sockets) {
      socket.once('data', () => {
        answered++;
        quiet = 0;
      });
      socket.write('are you there?\n');
    }
    while (answered < sockets.length && quiet++ < 40) await new Promise((resolve) => setTimeout(resolve, 100));
    console.log(`${answered} answered`);
  });
  console.log(`${sockets.length} open`);
}
