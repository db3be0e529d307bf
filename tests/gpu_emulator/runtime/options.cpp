// SPDX-License-Identifier: Apache-2.0
#include "runtime/options.hpp"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>

namespace bnas::emu {
namespace {

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) {
    return std::nullopt;
  }
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const std::map<std::string_view, int> shifts = {{"", 0}, {"K", 10}, {"M", 20}, {"G", 30}};
  const auto shift = shifts.find(unit);
  return shift == shifts.end() ? std::nullopt : std::optional(value << shift->second);
}

// "8.0" or "80"; "12.0" or "120".
std::optional<int> parse_capability(std::string_view text) {
  std::string digits(text);
  std::erase(digits, '.');
  const auto value = parse_number(digits);
  return value && *value >= 50 && *value <= 199 ? std::optional(static_cast<int>(*value)) : std::nullopt;
}

using Setter = std::function<bool(Options&, std::string_view)>;

template <typename T>
Setter number(T Options::*field) {
  return [field](Options& o, std::string_view text) {
    const auto value = parse_number(text);
    if (value) {
      o.*field = static_cast<T>(*value);
    }
    return value.has_value();
  };
}

Setter text(std::string Options::*field) {
  return [field](Options& o, std::string_view value) {
    o.*field = value;
    return true;
  };
}

const std::map<std::string_view, Setter>& setters() {
  static const std::map<std::string_view, Setter> table = {
      {"check", number(&Options::check)},
      {"seed", number(&Options::seed)},
      {"block_seed", number(&Options::block_seed)},
      {"threads", number(&Options::threads)},
      {"l2", number(&Options::l2)},
      {"devices", number(&Options::devices)},
      {"memory", number(&Options::memory)},
      {"cc",
       [](Options& o, std::string_view value) {
         const auto capability = parse_capability(value);
         o.capability = capability.value_or(o.capability);
         return capability.has_value();
       }},
      {"leaks", number(&Options::leaks)},
      {"report", text(&Options::report)},
      {"profile", text(&Options::profile)},
      {"fault", text(&Options::fault)},
      {"note", text(&Options::note)},
  };
  return table;
}

Options from_environment() {
  Options o;
  for (const auto& [name, set] : setters()) {
    std::string variable = "BNAS_EMU_" + std::string(name);
    for (char& c : variable) {
      c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    if (const char* value = std::getenv(variable.c_str()); value && !set(o, value)) {
      std::fprintf(stderr, "bnas emulator: %s=%s is not understood\n", variable.c_str(), value);
      std::abort();
    }
  }
  return o;
}

}  // namespace

Options& options() {
  static auto* const instance = new Options(from_environment());  // outlives the exit of the program
  return *instance;
}

bool set_option(std::string_view name, std::string_view value) {
  const auto setter = setters().find(name);
  return setter != setters().end() && setter->second(options(), value);
}

}  // namespace bnas::emu
