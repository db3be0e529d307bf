// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ptx/contents.hpp"

namespace bnas::emu {

/// Names of one kernel: braces nest, inner names hide outer ones, labels may be used before they stand.
class Scopes {
 public:
  explicit Scopes(const ModuleContents& contents) : contents_(contents) {}

  void begin_function() { open_.clear(); }
  void push() {
    parents_.push_back(open_.empty() ? -1 : open_.back());
    open_.push_back(static_cast<int>(names_.size()));
    names_.emplace_back();
  }
  bool can_pop() const { return open_.size() > 1; }
  void pop() { open_.pop_back(); }
  int current() const { return open_.back(); }

  void add(const std::string& name, const Symbol& symbol) {
    names_[static_cast<std::size_t>(current())][name] = symbol;
  }
  /// A symbol of module scope, as this kernel places it.
  void place(const std::string& name, const Symbol& symbol) { placed_[name] = symbol; }

  const Symbol* find(const std::string& name) const {
    for (auto scope = open_.rbegin(); scope != open_.rend(); ++scope) {
      const auto& names = names_[static_cast<std::size_t>(*scope)];
      if (const auto it = names.find(name); it != names.end()) {
        return &it->second;
      }
    }
    if (const auto it = placed_.find(name); it != placed_.end()) {
      return &it->second;
    }
    const auto it = contents_.symbols.find(name);
    return it == contents_.symbols.end() ? nullptr : &it->second;
  }

  void add_label(const std::string& name, int position) { labels_[{current(), name}] = position; }
  void add_table(const std::string& name, std::vector<std::string> labels) {
    tables_[{current(), name}] = std::move(labels);
  }
  std::optional<int> label(const std::string& name, int scope) const {
    for (int s = scope; s >= 0; s = parents_[static_cast<std::size_t>(s)]) {
      if (const auto it = labels_.find({s, name}); it != labels_.end()) {
        return it->second;
      }
    }
    return std::nullopt;
  }
  const std::vector<std::string>* table(const std::string& name, int scope) const {
    for (int s = scope; s >= 0; s = parents_[static_cast<std::size_t>(s)]) {
      if (const auto it = tables_.find({s, name}); it != tables_.end()) {
        return &it->second;
      }
    }
    return nullptr;
  }

 private:
  const ModuleContents& contents_;
  std::vector<std::unordered_map<std::string, Symbol>> names_;
  std::vector<int> parents_;  ///< by scope; -1 at the top of a function
  std::vector<int> open_;
  std::unordered_map<std::string, Symbol> placed_;
  std::map<std::pair<int, std::string>, int> labels_;
  std::map<std::pair<int, std::string>, std::vector<std::string>> tables_;
};

}  // namespace bnas::emu
