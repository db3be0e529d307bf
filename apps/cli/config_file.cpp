// SPDX-License-Identifier: Apache-2.0
#include "cli/config_file.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <fstream>

#include "bnas/core/error.hpp"
#include "cli/toml_limits.hpp"

namespace bnas::cli {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{1} << 20;

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw Error(ErrorKind::usage, where + ": " + what);
}

std::string position(const std::string& name, const toml::source_region& source) {
  return fmt::format("{}:{}:{}", name, source.begin.line, source.begin.column);
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 80)) {
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  }
  return out;
}

std::string kind_of(const toml::node& node) {
  if (node.is_table()) return "a table";
  if (node.is_array()) return "a list";
  if (node.is_string()) return "text in quotes";
  if (node.is_integer()) return "an integer";
  if (node.is_floating_point()) return "a number";
  if (node.is_boolean()) return "true or false";
  return "a date or time";
}

class Reader {
 public:
  Reader(Config& config, Origins& origins, std::string name, std::filesystem::path folder)
      : config_(config), origins_(origins), name_(std::move(name)), folder_(std::move(folder)) {}

  void table(const toml::table& table, const std::string& prefix) {
    for (const auto& [key, node] : table) {
      const std::string full = prefix + std::string(key.str());
      const std::string where = position(name_, key.source());
      if (const Option* option = find_option(full)) {
        value(*option, node, where);
        origins_[full] = where;
      } else if (node.is_table() && prefix.empty() && is_table_name(full)) {
        this->table(*node.as_table(), full + ".");
      } else if (is_table_name(full)) {
        refuse(where, "unknown key '" + full + "'; did you mean the table [" + full + "]?");
      } else {
        unknown(full, where);
      }
    }
  }

 private:
  static bool is_table_name(const std::string& name) {
    const auto all = options();
    return std::any_of(all.begin(), all.end(), [&](const Option& o) { return o.key.starts_with(name + "."); });
  }

  [[noreturn]] static void unknown(const std::string& key, const std::string& where) {
    std::string near = nearest_key(key);
    if (near.empty()) {  // a key of a table written without its table, or the other way round
      for (const Option& option : options()) {
        if (option.key.ends_with("." + key) || key.ends_with("." + option.key)) {
          near = option.key;
        }
      }
    }
    refuse(where, "unknown key '" + printable(key) + "'; " +
                      (near.empty() ? "bnas_search --help lists all keys" : "did you mean '" + near + "'?"));
  }

  [[noreturn]] static void wrong_type(const Option& option, const toml::node& node, const std::string& where) {
    refuse(where, fmt::format("{} is {}, expected {}", option.key, kind_of(node), option.type()));
  }

  void value(const Option& option, const toml::node& node, const std::string& where) {
    std::visit([&](auto member) { assign(member, option, node, where); }, option.member);
    check_value(config_, option, where);
  }

  void assign(bool Config::*member, const Option& option, const toml::node& node, const std::string& where) {
    const auto value = node.value_exact<bool>();
    if (!value) wrong_type(option, node, where);
    config_.*member = *value;
  }

  void assign(std::int64_t Config::*member, const Option& option, const toml::node& node, const std::string& where) {
    const auto value = node.value_exact<std::int64_t>();
    if (!value) wrong_type(option, node, where);
    config_.*member = *value;
  }

  void assign(double Config::*member, const Option& option, const toml::node& node, const std::string& where) {
    if (option.form == Form::duration && node.is_string()) {
      set_from_text(config_, option, *node.value_exact<std::string>(), where);
      return;
    }
    const auto value = node.value<double>();
    if (!node.is_number() || !value) wrong_type(option, node, where);
    config_.*member = *value;
  }

  void assign(std::string Config::*member, const Option& option, const toml::node& node, const std::string& where) {
    const auto value = node.value_exact<std::string>();
    if (!value) wrong_type(option, node, where);
    config_.*member =
        option.form == Form::path && !value->empty() ? (folder_ / *value).lexically_normal().string() : *value;
  }

  template <class T>
  void assign(std::vector<T> Config::*member, const Option& option, const toml::node& node, const std::string& where) {
    const toml::array* array = node.as_array();
    if (array == nullptr) wrong_type(option, node, where);
    std::vector<T> values;
    for (const toml::node& entry : *array) {
      const auto value = entry.template value_exact<T>();
      if (!value) wrong_type(option, entry, position(name_, entry.source()));
      values.push_back(*value);
    }
    config_.*member = std::move(values);
  }

  Config& config_;
  Origins& origins_;
  std::string name_;
  std::filesystem::path folder_;
};

}  // namespace

void read_config_text(Config& config, Origins& origins, std::string_view text, const std::string& name,
                      const std::filesystem::path& folder) {
  if (text.size() > kMaxBytes) {
    refuse(name, fmt::format("{} bytes are more than the {} that a configuration may have", text.size(), kMaxBytes));
  }
  check_toml_limits(text, name);
  try {
    const toml::table table = toml::parse(text, name);
    Reader(config, origins, name, folder).table(table, "");
  } catch (const toml::parse_error& error) {
    refuse(position(name, error.source()), printable(error.description()) + "; the format is TOML (https://toml.io)");
  }
}

void read_config_file(Config& config, Origins& origins, const std::filesystem::path& file) {
  std::error_code code;
  if (!std::filesystem::is_regular_file(file, code)) {
    refuse(file.string(), std::filesystem::exists(file, code) ? "is not a file" : "no such configuration file");
  }
  std::ifstream in(file, std::ios::binary);
  std::string text(kMaxBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || !in.is_open()) {
    refuse(file.string(), "cannot be read; check its permissions");
  }
  text.resize(static_cast<std::size_t>(in.gcount()));
  read_config_text(config, origins, text, file.string(), std::filesystem::absolute(file).parent_path());
}

std::string config_to_toml(const Config& config, bool with_run_dir) {
  std::string out;
  std::string group;
  std::string table;
  const auto write = [&](const Option& option, const std::string& name) {
    if (option.group != group) {
      group = option.group;
      out += fmt::format("{}# {}\n", out.empty() ? "" : "\n", group);
    }
    out += fmt::format("{} = {}  # {}\n", name, toml_value(config, option), option.help);
  };
  for (const Option& option : options()) {  // TOML wants the tables after all plain keys
    if (option.key.find('.') == std::string::npos && (with_run_dir || option.key != "run_dir")) {
      write(option, option.key);
    }
  }
  for (const Option& option : options()) {
    const auto dot = option.key.find('.');
    if (dot == std::string::npos) {
      continue;
    }
    if (option.key.substr(0, dot) != table) {
      table = option.key.substr(0, dot);
      out += fmt::format("\n[{}]\n", table);
      group = option.group;
    }
    write(option, option.key.substr(dot + 1));
  }
  return out;
}

}  // namespace bnas::cli
