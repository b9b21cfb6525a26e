# Long-lived TCP connections that talk all the time: a server that gives back every line, and a client with many connections, each of which
# sends a numbered line, waits for it to come back, and checks it. Tells on standard error what went wrong, and at the end how many lines.
import asyncio
import sys


async def give_back(reader, writer):
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.close()


async def serve(address, port):
    async with await asyncio.start_server(give_back, address, port) as server:
        await server.serve_forever()


async def talk(name, address, port, pause, over, totals):
    reader, writer = await asyncio.open_connection(address, port)
    number = 0
    while not over.is_set():
        line = f'{name} {number}\n'.encode()
        writer.write(line)
        # A lost packet is sent again by TCP; what takes longer than this is a connection that was lost.
        answer = await asyncio.wait_for(reader.readline(), 20)
        if answer != line:
            raise RuntimeError(f'connection {name}: {answer!r} instead of {line!r}')
        number += 1
        await asyncio.sleep(pause)
    totals.append(number)
    writer.close()


async def talk_all(addresses, port, connections, pause):
    over = asyncio.Event()
    totals = []
    talks = [
        asyncio.create_task(talk(f'c{index}', addresses[index % len(addresses)], port, pause, over, totals))
        for index in range(connections)
    ]
    print('talking', flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    over.set()
    await asyncio.gather(*talks)
    print(f'{len(totals)} connections, {sum(totals)} lines', flush=True)


def main():
    role, port, *rest = sys.argv[1:]
    if role == 'serve':
        asyncio.run(serve(None, int(port)))
    else:
        connections, pause, *addresses = rest
        asyncio.run(talk_all(addresses, int(port), int(connections), float(pause)))


main()
