// SPDX-License-Identifier: Apache-2.0
// Functions that CUDA's runtime brings along: printf and assert.
#include <cstdio>

#include "machine/bind.hpp"
#include "machine/lanes.hpp"

namespace bnas::emu {
namespace {

u64 load_local(Block& block, int offset, unsigned lane, std::size_t bytes) {
  u64 value = 0;
  std::memcpy(&value, block.local(offset, lane), bytes);
  return value;
}

/// Text in device memory, up to its zero byte.
std::string text_at(Block& block, u64 address, unsigned lane) {
  Access read;
  read.bytes = 1;
  std::string text;
  for (;; ++address) {
    const char c = static_cast<char>(*block.at(Space::generic, address, lane, read));
    if (c == '\0') {
      return text;
    }
    text += c;
  }
}

/// The arguments of a device printf: packed in a buffer, each aligned to its size.
class PrintfArguments {
 public:
  PrintfArguments(Block& block, u64 buffer, unsigned lane) : block_(block), buffer_(buffer), lane_(lane) {}

  u64 next(int bytes) {
    const u64 size = static_cast<u64>(bytes);
    offset_ = (offset_ + size - 1) / size * size;
    Access read;
    read.bytes = bytes;
    u64 value = 0;
    std::memcpy(&value, block_.at(Space::generic, buffer_ + offset_, lane_, read), size);
    offset_ += size;
    return value;
  }

 private:
  Block& block_;
  u64 buffer_;
  unsigned lane_;
  u64 offset_ = 0;
};

template <class T>
std::string formatted(const std::string& conversion, T value) {
  std::array<char, 512> text{};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  std::snprintf(text.data(), text.size(), conversion.c_str(), value);
#pragma GCC diagnostic pop
  return text.data();
}

/// One conversion such as %5.2f; `flags` is everything up to the letter, without the length.
std::string convert(Block& block, PrintfArguments& arguments, const std::string& flags, char letter, bool is_long,
                    unsigned lane) {
  switch (letter) {
    case 'f':
    case 'F':
    case 'e':
    case 'E':
    case 'g':
    case 'G':
    case 'a':
      return formatted(flags + letter, std::bit_cast<double>(arguments.next(8)));
    case 's':
      return formatted(flags + 's', text_at(block, arguments.next(8), lane).c_str());
    case 'p':
      return formatted(flags + 'p', reinterpret_cast<const void*>(arguments.next(8)));
    case 'c':
      return formatted(flags + 'c', static_cast<int>(arguments.next(4)));
    case 'd':
    case 'i':
      return formatted(flags + "lld", is_long ? static_cast<long long>(arguments.next(8))
                                              : static_cast<long long>(static_cast<s32>(arguments.next(4))));
    default:
      return formatted(flags + "ll" + letter, static_cast<unsigned long long>(arguments.next(is_long ? 8 : 4)));
  }
}

std::string format_device_text(Block& block, const std::string& format, u64 buffer, unsigned lane) {
  PrintfArguments arguments(block, buffer, lane);
  std::string out;
  for (std::size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%') {
      out += format[at];
      continue;
    }
    if (at + 1 < format.size() && format[at + 1] == '%') {
      out += '%';
      ++at;
      continue;
    }
    std::string flags = "%";
    bool is_long = false;
    for (++at; at < format.size() && std::strchr("diouxXcsfFeEgGap", format[at]) == nullptr; ++at) {
      const char c = format[at];
      is_long = is_long || c == 'l' || c == 'z' || c == 'j';
      if (std::strchr("lhzjt", c) == nullptr) {
        flags += c;
      }
    }
    if (at < format.size()) {
      out += convert(block, arguments, flags, format[at], is_long, lane);
    }
  }
  return out;
}

void print(const ExecOptions& options, const std::string& text) {
  if (options.print) {
    options.print(text);
  } else {
    std::fputs(text.c_str(), stdout);
  }
}

struct Call {
  std::vector<int> arguments;  ///< local offsets
  int result = -1;
};

void run_printf(const Call& call, Block& block, LaneMask mask) {
  for_lanes(mask, [&](unsigned l) {
    const std::string format = text_at(block, load_local(block, call.arguments[0], l, 8), l);
    const u64 buffer = load_local(block, call.arguments[1], l, 8);
    const std::string text = format_device_text(block, format, buffer, l);
    print(block.options(), text);
    if (call.result >= 0) {
      const auto length = static_cast<u32>(text.size());
      std::memcpy(block.local(call.result, l), &length, 4);
      block.note_local_written(call.result, 4, l);
    }
  });
}

/// __assertfail(message, file, line, function, size of a character)
void run_assert(const Call& call, Block& block, LaneMask mask) {
  const auto lane = static_cast<unsigned>(std::countr_zero(mask));
  const std::string message = text_at(block, load_local(block, call.arguments[0], lane, 8), lane);
  const std::string file = text_at(block, load_local(block, call.arguments[1], lane, 8), lane);
  const u64 line = load_local(block, call.arguments[2], lane, 4);
  block.fail(LaunchResult::End::assert_failed,
             "assertion failed: " + message + ", " + file + ":" + std::to_string(line), lane);
}

/// Operands: a list of the arguments' offsets, a list of the result's, the name.
void bind_call(const Statement& s, Instruction& i) {
  Call call;
  for (const Operand& o : s.operand(0).parts) {
    call.arguments.push_back(static_cast<int>(literal_integer(o.name, s.line())));
  }
  if (!s.operand(1).parts.empty()) {
    call.result = static_cast<int>(literal_integer(s.operand(1).parts.front().name, s.line()));
  }
  const std::string& name = s.operand(2).name;
  if (name == "vprintf" && call.arguments.size() == 2) {
    set_closure(i, [call](Block& block, const Instruction&, LaneMask mask) { run_printf(call, block, mask); });
  } else if (name == "__assertfail" && call.arguments.size() >= 3) {
    set_closure(i, [call](Block& block, const Instruction&, LaneMask mask) { run_assert(call, block, mask); });
  } else {
    s.unsupported("the function " + name + " of the device runtime");
  }
}

}  // namespace

void add_calls(FamilyTable& table) { table["call"] = bind_call; }

}  // namespace bnas::emu
