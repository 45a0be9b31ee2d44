// node-pty and ws put together as both documentations do: every connection gets a shell of its own, output
// goes out as it comes, in binary frames.

import { createRequire } from "node:module";
import process from "node:process";

// The packages are in the folder that is given, not above this file.
const require = createRequire(`${process.argv[2]}/`);
const pty = require("node-pty");
const { WebSocketServer } = require("ws");

const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
server.on("connection", (socket) => {
  const shell = pty.spawn("/bin/bash", ["-l"], { name: "xterm-256color", cols: 80, rows: 24, encoding: null });
  shell.onData((data) => socket.send(data));
  shell.onExit(() => socket.close());
  socket.on("message", (data) => shell.write(data));
  socket.on("close", () => shell.kill());
});
server.on("listening", () => console.log(server.address().port));
