// SPDX-License-Identifier: Apache-2.0
// Values of options as text: parsing, checking, writing.
#include <fmt/format.h>

#include <algorithm>

#include <charconv>
#include <cmath>

#include "bnas/core/error.hpp"
#include "cli/options.hpp"

namespace bnas::cli {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

constexpr std::size_t kMaxText = 4096;
constexpr std::size_t kMaxList = 64;

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw Error(ErrorKind::usage, where + ": " + what);
}

/// Text of an untrusted value for a message: short and printable.
std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 60)) {
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  }
  return "'" + out + (text.size() > 60 ? "...'" : "'");
}

template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec != std::errc() || result.ptr != end || text.empty()) {
    return std::nullopt;
  }
  return value;
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  return first == std::string_view::npos ? std::string_view{}
                                         : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string_view> split_list(std::string_view text) {
  std::vector<std::string_view> parts;
  if (trim(text).empty()) {
    return parts;
  }
  for (std::size_t start = 0;;) {
    const auto comma = text.find(',', start);
    parts.push_back(trim(text.substr(start, comma - start)));
    if (comma == std::string_view::npos) {
      return parts;
    }
    start = comma + 1;
  }
}

template <class T>
T number_of(const Option& option, std::string_view text, const std::string& where) {
  const auto value = parse_number<T>(text);
  if (!value) {
    refuse(where, fmt::format("{} is no {}; {} takes {}", shown(text), std::is_integral_v<T> ? "integer" : "number",
                              option.key, option.is_list() ? "a list such as 16,24,32" : "one"));
  }
  return *value;
}

void check_range(const Option& option, double value, const std::string& where) {
  if (!(value >= option.min && value <= option.max)) {
    refuse(where, fmt::format("{} is {}, which is out of range; it may be {} to {}", option.key, value, option.min,
                              option.max));
  }
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out + '"';
}

/// Shortest text that reads back as the same double, with a point or exponent so that TOML sees a float.
std::string real_text(double value, bool toml) {
  std::string out = fmt::format("{}", value);
  if (toml && out.find_first_of(".en") == std::string::npos) {
    out += ".0";
  }
  return out;
}

}  // namespace

std::optional<double> parse_duration(std::string_view text) {
  if (const auto plain = parse_number<double>(text); plain && std::isfinite(*plain) && *plain >= 0) {
    return *plain;
  }
  double total = 0.0;
  while (!text.empty()) {
    const auto unit = text.find_first_not_of("0123456789.");
    if (unit == 0 || unit == std::string_view::npos) {
      return std::nullopt;
    }
    const auto count = parse_number<double>(text.substr(0, unit));
    constexpr std::string_view kUnits = "smhd";
    constexpr double kSeconds[] = {1.0, 60.0, 3600.0, 86400.0};
    const auto index = kUnits.find(text[unit]);
    if (!count || index == std::string_view::npos) {
      return std::nullopt;
    }
    total += *count * kSeconds[index];
    text.remove_prefix(unit + 1);
  }
  return total > 0.0 ? std::optional<double>(total) : std::nullopt;
}

std::string duration_text(double seconds) {
  if (seconds == 0.0) {
    return "0";
  }
  const std::pair<double, char> units[] = {{86400.0, 'd'}, {3600.0, 'h'}, {60.0, 'm'}};
  for (const auto& [length, name] : units) {
    if (seconds >= length && std::fmod(seconds, length) == 0.0) {
      return fmt::format("{}{}", seconds / length, name);
    }
  }
  return fmt::format("{}s", seconds);
}

void check_value(const Config& config, const Option& option, const std::string& where) {
  const auto check_text = [&](const std::string& text) {
    if (text.size() > kMaxText || text.find('\0') != std::string::npos) {
      refuse(where, fmt::format("{} has {} characters or a zero character; at most {} are allowed", option.key,
                                text.size(), kMaxText));
    }
  };
  const auto check_length = [&](std::size_t count, std::size_t least) {
    if (count < least || count > kMaxList) {
      refuse(where, fmt::format("{} has {} entries; it may have {} to {}", option.key, count, least, kMaxList));
    }
  };
  std::visit(Overloaded{
                 [](bool Config::*) {},
                 [&](std::int64_t Config::*m) { check_range(option, static_cast<double>(config.*m), where); },
                 [&](double Config::*m) { check_range(option, config.*m, where); },
                 [&](std::string Config::*m) {
                   const std::string& text = config.*m;
                   check_text(text);
                   const auto& choices = option.choices;
                   if (!choices.empty() && std::find(choices.begin(), choices.end(), text) == choices.end()) {
                     const std::string near = nearest_name(text, choices.data(), choices.data() + choices.size());
                     refuse(where, fmt::format("{} cannot be {}{}; choose from {}", option.key, shown(text),
                                               near.empty() ? "" : "; did you mean '" + near + "'?",
                                               fmt::join(choices, ", ")));
                   }
                 },
                 [&](Texts Config::*m) {
                   check_length((config.*m).size(), 1);
                   for (const std::string& text : config.*m) {
                     check_text(text);
                     if (text.empty()) {
                       refuse(where, fmt::format("{} has an empty entry", option.key));
                     }
                   }
                 },
                 [&](Integers Config::*m) {
                   check_length((config.*m).size(), 1);
                   for (const std::int64_t value : config.*m) {
                     check_range(option, static_cast<double>(value), where);
                   }
                 },
             },
             option.member);
}

void set_from_text(Config& config, const Option& option, const std::string& text, const std::string& where) {
  std::visit(Overloaded{
                 [&](bool Config::*m) {
                   if (text != "true" && text != "false" && text != "1" && text != "0") {
                     refuse(where, fmt::format("{} is neither true nor false", shown(text)));
                   }
                   config.*m = text == "true" || text == "1";
                 },
                 [&](std::int64_t Config::*m) { config.*m = number_of<std::int64_t>(option, text, where); },
                 [&](double Config::*m) {
                   if (option.form == Form::duration) {
                     const auto seconds = parse_duration(text);
                     if (!seconds) {
                       refuse(where, fmt::format("{} is no {}", shown(text), option.type()));
                     }
                     config.*m = *seconds;
                   } else {
                     config.*m = number_of<double>(option, text, where);
                   }
                 },
                 [&](std::string Config::*m) { config.*m = text; },
                 [&](Texts Config::*m) {
                   const auto parts = split_list(text);
                   (config.*m).assign(parts.begin(), parts.end());
                 },
                 [&](Integers Config::*m) {
                   (config.*m).clear();
                   for (const auto part : split_list(text)) {
                     (config.*m).push_back(number_of<std::int64_t>(option, part, where));
                   }
                 },
             },
             option.member);
  check_value(config, option, where);
}

std::string toml_value(const Config& config, const Option& option) {
  return std::visit(Overloaded{
                        [&](bool Config::*m) -> std::string { return config.*m ? "true" : "false"; },
                        [&](std::int64_t Config::*m) { return fmt::format("{}", config.*m); },
                        [&](double Config::*m) {
                          return option.form == Form::duration ? quoted(duration_text(config.*m))
                                                               : real_text(config.*m, true);
                        },
                        [&](std::string Config::*m) { return quoted(config.*m); },
                        [&](Texts Config::*m) {
                          std::string out;
                          for (const std::string& text : config.*m) {
                            out += (out.empty() ? "" : ", ") + quoted(text);
                          }
                          return "[" + out + "]";
                        },
                        [&](Integers Config::*m) { return fmt::format("[{}]", fmt::join(config.*m, ", ")); },
                    },
                    option.member);
}

std::string plain_value(const Config& config, const Option& option) {
  return std::visit(Overloaded{
                        [&](bool Config::*m) -> std::string { return config.*m ? "true" : "false"; },
                        [&](std::int64_t Config::*m) { return fmt::format("{}", config.*m); },
                        [&](double Config::*m) {
                          return option.form == Form::duration ? duration_text(config.*m) : real_text(config.*m, false);
                        },
                        [&](std::string Config::*m) { return config.*m; },
                        [&](Texts Config::*m) { return fmt::format("{}", fmt::join(config.*m, ",")); },
                        [&](Integers Config::*m) { return fmt::format("{}", fmt::join(config.*m, ",")); },
                    },
                    option.member);
}

}  // namespace bnas::cli
