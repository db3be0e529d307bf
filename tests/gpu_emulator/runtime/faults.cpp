// SPDX-License-Identifier: Apache-2.0
#include "runtime/faults.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <map>
#include <stdexcept>

namespace bnas::emu {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::uint64_t to_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw std::invalid_argument("fault specification: '" + std::string(text) + "' is no number");
  }
  return value;
}

// Of all processes that try, one succeeds.
bool create_file(const std::string& path) {
  const int file = open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
  if (file >= 0) {
    close(file);
  }
  return file >= 0;
}

}  // namespace

void Faults::set_key(Rule& rule, std::string_view key, std::string_view value) {
  if (key == "nth") {
    rule.nth = to_number(value);
  } else if (key == "always") {
    rule.always = true;
  } else if (key == "kernel") {
    rule.trigger = Trigger::launch;
    rule.name = value;
  } else if (key == "call") {
    rule.name = value;
  } else if (key == "note") {
    rule.note = value;
  } else if (key == "once") {
    rule.once = value;
  } else if (key == "parameter") {
    rule.injection.parameter = to_number(value);
  } else if (key == "byte") {
    rule.injection.byte = to_number(value);
  } else if (key == "bit") {
    rule.injection.bit = static_cast<int>(to_number(value) % 8);
  } else {
    throw std::invalid_argument("fault specification: unknown key '" + std::string(key) + "'");
  }
}

Faults::Rule Faults::parse(std::string_view text) {
  struct Kind {
    Trigger trigger;
    Injection::Kind kind;
    cudaError_t code;
  };
  using K = Injection::Kind;
  static const std::map<std::string_view, Kind> kinds = {
      {"oom", {Trigger::allocation, K::error, cudaErrorMemoryAllocation}},
      {"illegal_address", {Trigger::launch, K::error, cudaErrorIllegalAddress}},
      {"launch_failure", {Trigger::launch, K::error, cudaErrorLaunchFailure}},
      {"misaligned", {Trigger::launch, K::error, cudaErrorMisalignedAddress}},
      {"assert", {Trigger::launch, K::error, cudaErrorAssert}},
      {"device_lost", {Trigger::call, K::error, cudaErrorDevicesUnavailable}},
      {"ecc", {Trigger::call, K::error, cudaErrorECCUncorrectable}},
      {"unknown", {Trigger::call, K::error, cudaErrorUnknown}},
      {"hang", {Trigger::launch, K::hang, cudaSuccess}},
      {"flip", {Trigger::launch, K::flip, cudaSuccess}},
  };
  const std::size_t colon = std::min(text.find(':'), text.size());
  const auto kind = kinds.find(text.substr(0, colon));
  if (kind == kinds.end()) {
    throw std::invalid_argument("fault specification: unknown kind '" + std::string(text.substr(0, colon)) + "'");
  }
  Rule rule;
  rule.trigger = kind->second.trigger;
  rule.injection.kind = kind->second.kind;
  rule.injection.code = kind->second.code;
  for (const std::string_view pair : split(text.substr(std::min(colon + 1, text.size())), ',')) {
    const std::size_t equals = std::min(pair.find('='), pair.size());
    set_key(rule, pair.substr(0, equals), pair.substr(std::min(equals + 1, pair.size())));
  }
  return rule;
}

void Faults::add(std::string_view specification) {
  for (const std::string_view part : split(specification, ';')) {
    rules_.push_back(parse(part));
  }
}

const Faults::Rule* Faults::fire(Trigger trigger, std::string_view name, std::string_view note) {
  const Rule* fired = nullptr;
  for (Rule& rule : rules_) {
    if (rule.trigger != trigger || name.find(rule.name) == std::string_view::npos ||
        note.find(rule.note) == std::string_view::npos) {
      continue;
    }
    ++rule.seen;
    const bool due = rule.seen == rule.nth || (rule.always && rule.seen > rule.nth);
    if (due && !fired && (rule.once.empty() || create_file(rule.once))) {
      fired = &rule;
    }
  }
  return fired;
}

std::optional<cudaError_t> Faults::on_call(std::string_view call, std::string_view note) {
  const Rule* rule = fire(Trigger::call, call, note);
  return rule ? std::optional(rule->injection.code) : std::nullopt;
}

bool Faults::on_allocation(std::string_view call, std::string_view note) {
  return fire(Trigger::allocation, call, note) != nullptr;
}

std::optional<Injection> Faults::on_launch(std::string_view kernel, std::string_view note) {
  const Rule* rule = fire(Trigger::launch, kernel, note);
  return rule ? std::optional(rule->injection) : std::nullopt;
}

}  // namespace bnas::emu
