// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/differentiable/candidates.hpp"

#include <algorithm>
#include <array>

#include "differentiable/names.hpp"

namespace bnas::nas {
namespace {

using Kind = CandidateKind;

const std::vector<std::string> kSetNames{"darts-separable", "dense-1bit", "group-shuffle"};

// Orders as in the published code of each method.
const std::array<std::vector<Candidate>, 3> kSets{{
    {{"none", Kind::none},
     {"max_pool_3x3", Kind::max_pool, 3},
     {"avg_pool_3x3", Kind::avg_pool, 3},
     {"skip_connect", Kind::skip},
     {"sep_conv_3x3", Kind::separable, 3, 1, 2},
     {"sep_conv_5x5", Kind::separable, 5, 1, 2},
     {"dil_conv_3x3", Kind::separable, 3, 2, 1},
     {"dil_conv_5x5", Kind::separable, 5, 2, 1}},
    {{"none", Kind::none},
     {"max_pool_3x3", Kind::max_pool, 3},
     {"avg_pool_3x3", Kind::avg_pool, 3},
     {"dil_dense_3x3", Kind::dense, 3, 2},
     {"dil_dense_5x5", Kind::dense, 5, 2},
     {"dense_3x3", Kind::dense, 3},
     {"dense_5x5", Kind::dense, 5}},
    {{"none", Kind::none},
     {"max_pool_3x3", Kind::max_pool, 3},
     {"avg_pool_3x3", Kind::avg_pool, 3},
     {"skip_connect", Kind::skip},
     {"group_3x3", Kind::grouped, 3},
     {"group_5x5", Kind::grouped, 5},
     {"dil_group_3x3", Kind::grouped, 3, 2},
     {"dil_group_5x5", Kind::grouped, 5, 2}},
}};

}  // namespace

std::span<const Candidate> candidates(OperationSet set) { return kSets[static_cast<std::size_t>(set)]; }

const Candidate& candidate(std::string_view name) {
  std::vector<std::string> names;
  for (const auto& set : kSets) {
    for (const Candidate& found : set) {
      if (found.name == name) {
        return found;
      }
      if (std::find(names.begin(), names.end(), found.name) == names.end()) {  // sets share operations
        names.push_back(found.name);
      }
    }
  }
  find_name("operation", name, names);  // throws
  throw Error(ErrorKind::internal, "[candidate] a name was found that is none");
}

const char* operation_set_name(OperationSet set) { return kSetNames[static_cast<std::size_t>(set)].c_str(); }

OperationSet parse_operation_set(std::string_view name) {
  return static_cast<OperationSet>(find_name("operation set", name, kSetNames));
}

}  // namespace bnas::nas
