// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "cli/config.hpp"

namespace bnas::cli {

/// Who reads the configuration.
enum class Program : std::uint8_t { search, train };

/// What `resume` allows for a key.
enum class OnResume : std::uint8_t {
  frozen,  ///< decides results: another value is refused
  logged,  ///< may change; the new value is kept in the run's config.toml and noted in its log
  free,    ///< may change for one invocation
};

/// How the text of a value reads beyond its C++ type.
enum class Form : std::uint8_t { plain, path, duration };

using Member = std::variant<bool Config::*, std::int64_t Config::*, double Config::*, std::string Config::*,
                            Texts Config::*, Integers Config::*>;

/// One key of the configuration: everything that the config file, flags, environment, help and resume know about it.
struct Option {
  std::string key;  ///< as in TOML; a dot separates the table: "surrogate.kind"
  Member member;
  std::string group;
  OnResume on_resume = OnResume::frozen;
  std::string help;
  double min = 0.0;  ///< of numbers and of the elements of lists
  double max = 0.0;
  std::vector<std::string> choices = {};  ///< of texts; empty: any
  Form form = Form::plain;

  std::string flag() const;         ///< "--surrogate-kind"
  std::string environment() const;  ///< "BNAS_SURROGATE_KIND"
  std::string type() const;         ///< "integer", "text", ... as messages name it
  bool is_bool() const { return std::holds_alternative<bool Config::*>(member); }
  bool is_list() const { return member.index() >= 4; }
};

/// Every key once, in the order of help and of config.toml.
std::span<const Option> options();
/// Whether a program has the option: flags and help of others leave it out. All read it in files, which they share.
bool is_used_by(const Option& option, Program program);
/// Whether the option is one of searches with differentiable strategies, of trainings of what they found, or of both.
bool is_of_supernets(const Option& option);
bool is_of_evaluation(const Option& option);
const Option* find_option(std::string_view key);
/// The key nearest to a misspelt one, or "".
std::string nearest_key(std::string_view key);

/// Sets the option from the text of a flag or an environment variable (lists separated by commas). `where` opens the
/// message of the usage Error for a text of the wrong form or out of range.
void set_from_text(Config& config, const Option& option, const std::string& text, const std::string& where);
/// Range, choices, length: what every source has to pass. Throws as set_from_text does.
void check_value(const Config& config, const Option& option, const std::string& where);
/// The value as TOML writes it.
std::string toml_value(const Config& config, const Option& option);
/// The value as help and flags write it.
std::string plain_value(const Config& config, const Option& option);
bool same_value(const Config& a, const Config& b, const Option& option);
void copy_value(const Config& from, Config& to, const Option& option);

/// "90", "90s", "10m", "1.5h", "2d", "1h30m"; nothing when it is not a duration.
std::optional<double> parse_duration(std::string_view text);
/// The shortest text that parse_duration() reads back as `seconds`.
std::string duration_text(double seconds);

}  // namespace bnas::cli
