// SPDX-License-Identifier: Apache-2.0
#include "cli/table_flags.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "bnas/core/error.hpp"
#include "cli/terminal.hpp"

namespace bnas::cli {
namespace {

[[noreturn]] void refuse(const std::string& what) { throw Error(ErrorKind::usage, what); }

}  // namespace

struct TableFlags::Slot {
  const Option* option;
  CLI::Option* flag;
  std::vector<std::string> texts;
  bool on;
};

TableFlags::TableFlags(CLI::App& app, Program program) {
  for (const Option& option : options()) {
    if (!is_used_by(option, program)) {
      continue;
    }
    Slot& slot = *slots_.emplace_back(std::make_unique<Slot>(Slot{&option, nullptr, {}, false}));
    const std::string flag = option.flag();
    slot.flag = option.is_bool() ? app.add_flag(flag + ",!--no-" + flag.substr(2), slot.on)
                                 : app.add_option(flag, slot.texts)->allow_extra_args(false);
  }
}

TableFlags::~TableFlags() = default;

Flags TableFlags::given() const {
  Flags out;
  for (const auto& slot : slots_) {
    if (slot->flag->count() == 0) {
      continue;
    }
    if (slot->option->is_bool()) {
      out.emplace_back(slot->option, slot->on ? "true" : "false");
      continue;
    }
    if (slot->texts.size() > 1 && !slot->option->is_list()) {
      refuse(fmt::format("{}: given {} times; it takes one value", slot->option->flag(), slot->texts.size()));
    }
    for (const std::string& text : slot->texts) {
      out.emplace_back(slot->option, text);
    }
  }
  return out;
}

std::string nearest_hint(const std::string& name, const std::vector<std::string>& candidates, const char* hint) {
  const std::string near = nearest_name(name, candidates.data(), candidates.data() + candidates.size());
  return near.empty() ? hint : "; did you mean " + near + "?";
}

void refuse_extras(const CLI::App& app, const char* hint) {
  const std::vector<std::string> extras = app.remaining();
  if (extras.empty()) {
    return;
  }
  const auto flag = std::find_if(extras.begin(), extras.end(), [](const auto& e) { return e.starts_with("-"); });
  if (flag == extras.end()) {
    refuse(fmt::format("unexpected argument '{}'{}", escaped(extras.front()), hint));
  }
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      known.push_back("--" + name);
    }
  }
  const std::string name = flag->substr(0, flag->find('='));
  refuse(fmt::format("unknown flag {}{}", escaped(name), nearest_hint(name, known, hint)));
}

}  // namespace bnas::cli
