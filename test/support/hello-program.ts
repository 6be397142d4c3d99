const MESSAGE = 'hello from layover\n';

/** What {@link helloProgram} prints. */
export const HELLO_LINE = MESSAGE.trimEnd();

export type Architecture = 'amd64' | 'arm64';

/** The architecture of this machine, in the words of the OCI image spec. */
export const hostArchitecture: Architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

const LOAD_ADDRESS = 0x400000;
const HEADERS_LENGTH = 64 + 56;

/** A static Linux executable that prints one line and exits with 0: enough to see an image run, and it needs no libc. */
export function helloProgram(architecture: Architecture): Buffer {
  const code = architecture === 'amd64' ? amd64Code() : arm64Code();
  const length = HEADERS_LENGTH + code.length + MESSAGE.length;
  const machine = architecture === 'amd64' ? 0x3e : 0xb7;
  return Buffer.concat([elfHeader(machine), programHeader(length), code, Buffer.from(MESSAGE)]);
}

/** @see https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html */
function elfHeader(machine: number): Buffer {
  const header = Buffer.alloc(64);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // magic, 64 bit, little endian, version 1
  header.writeUInt16LE(2, 16); // executable
  header.writeUInt16LE(machine, 18);
  header.writeUInt32LE(1, 20); // version
  header.writeBigUInt64LE(BigInt(LOAD_ADDRESS + HEADERS_LENGTH), 24); // entry
  header.writeBigUInt64LE(64n, 32); // program headers follow
  header.writeUInt16LE(64, 52); // size of this header
  header.writeUInt16LE(56, 54); // size of a program header
  header.writeUInt16LE(1, 56); // number of program headers
  header.writeUInt16LE(64, 58); // size of a section header
  return header;
}

/** One segment: the whole file, readable and executable. */
function programHeader(length: number): Buffer {
  const header = Buffer.alloc(56);
  header.writeUInt32LE(1, 0); // PT_LOAD
  header.writeUInt32LE(5, 4); // read, execute
  header.writeBigUInt64LE(BigInt(LOAD_ADDRESS), 16);
  header.writeBigUInt64LE(BigInt(LOAD_ADDRESS), 24);
  header.writeBigUInt64LE(BigInt(length), 32);
  header.writeBigUInt64LE(BigInt(length), 40);
  header.writeBigUInt64LE(0x10000n, 48); // 64 KiB: the largest page an arm64 kernel may have
  return header;
}

function amd64Code(): Buffer {
  // write(1, message, length); exit(0)
  const instructions = [
    [0xb8, 1, 0, 0, 0], // mov eax, 1
    [0xbf, 1, 0, 0, 0], // mov edi, 1
    [0x48, 0x8d, 0x35, 16, 0, 0, 0], // lea rsi, [rip+16]: the message is behind the 16 bytes below
    [0xba, MESSAGE.length, 0, 0, 0], // mov edx, length
    [0x0f, 0x05], // syscall
    [0xb8, 60, 0, 0, 0], // mov eax, 60
    [0x31, 0xff], // xor edi, edi
    [0x0f, 0x05], // syscall
  ];
  return Buffer.from(instructions.flat());
}

function arm64Code(): Buffer {
  const move = (register: number, value: number) => 0xd2800000 + value * 32 + register; // movz
  const call = 0xd4000001; // svc 0
  const messageIn7Instructions = 0x10000000 + 7 * 32 + 1; // adr x1, +28
  const code = [move(0, 1), messageIn7Instructions, move(2, MESSAGE.length), move(8, 64), call];
  code.push(move(0, 0), move(8, 93), call);
  const bytes = Buffer.alloc(code.length * 4);
  for (const [index, instruction] of code.entries()) bytes.writeUInt32LE(instruction, index * 4);
  return bytes;
}
