// SPDX-License-Identifier: Apache-2.0
#include "cli/format.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace bnas::cli {
namespace {

/// The lines of `text` without their first `indent` columns, which must be blank but in the first line; none is longer
/// than 79 columns.
std::string joined(const std::string& text, std::size_t indent) {
  std::istringstream lines(std::string(indent, ' ') + text);
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.find_last_not_of(' ') + 1, 79U) << line;
    EXPECT_EQ(line.substr(0, indent), std::string(indent, ' '));
    out += line.substr(indent);
  }
  return out;
}

TEST(WrappedList, BreaksCellsOfBothKindsWithinEightyColumns) {
  const std::string edges = "dil_conv_5x5(0)+dil_conv_5x5(1)";
  const std::string cell = "[" + edges + "|" + edges + "|" + edges + "|" + edges + "]";
  for (const std::string& text : {"normal" + cell + " reduce" + cell, std::string("[-2, '3x3 sep-bconv', -1, 'linear', "
                                                                                  "0, '1x7-7x1 bconv', 1, '5x5 bconv', "
                                                                                  "2, '3x3 maxpool']")}) {
    for (const std::size_t indent : {std::size_t{0}, std::size_t{12}, std::size_t{40}}) {
      const std::string wrapped = wrapped_list(text, indent);
      EXPECT_NE(wrapped.find('\n'), std::string::npos);
      EXPECT_EQ(joined(wrapped, indent), text);
    }
  }
  EXPECT_EQ(wrapped_list("[0, 'linear', 0, 'linear']", 12), "[0, 'linear', 0, 'linear']");
}

}  // namespace
}  // namespace bnas::cli
