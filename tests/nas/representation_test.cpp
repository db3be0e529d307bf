// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/representation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bnas/core/error.hpp"
#include "bnas/nas/history.hpp"

namespace bnas::nas {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::vector<std::string> kFour{"3x3 sep-bconv", "5x5 sep-bconv", "1x7-7x1 bconv", "3x3 bconv"};

class Representation : public testing::Test {
 protected:
  std::string refusal(const std::string& text) {
    try {
      parse_representation(text, flat_);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      return error.what();
    }
    ADD_FAILURE() << "accepted: " << text;
    return {};
  }

  SearchSpace flat_{SpaceConfig::flat(kFour, 3)};
};

TEST_F(Representation, IsReadInAnySpacingAndOfAnyPositiveSize) {
  const Genotype want{{{-1, 0, -1, 3}}};
  for (const char* text : {"[[1. 0. 0.]] [[1. 0. 0. 0.]] [[1. 0. 0.]] [[0. 0. 0. 4.]]",
                           "[[1.0 0 0]][[7 0. 0. 0.]]\n[[ 1.  0.  0.]]\t[[0 0 0 1e-3]]",
                           "  [[1.,0.,0.]], [[1.,0.,0.,0.]],\r\n [[1.,0.,0.]], [[0.,0.,0.,4.]]  ",
                           "[ [1. 0.\n  0.] ] [[1. 0.\n 0. 0.]] [[1.\n0. 0.]] [[0. 0. 0.\n 4.\n]]"}) {
    EXPECT_EQ(parse_representation(text, flat_), want) << text;
  }
}

/// The vectors of `n` entries as numpy wraps them at 75 columns.
TEST_F(Representation, WrappedLinesAreRead) {
  std::vector<std::string> many;
  for (int i = 0; i < 40; ++i) {
    many.push_back("op " + std::to_string(i));
  }
  const SearchSpace space(SpaceConfig::flat(many, 1));
  const auto wrapped = [](int place) {
    std::string text = "[[";
    for (int i = 0; i < 40; ++i) {
      text += (i == 0 ? "" : i % 18 == 0 ? "\n  " : " ") + std::string(i == place ? "37." : " 0.");
    }
    return text + "]]";
  };
  EXPECT_EQ(parse_representation("[[1.]] " + wrapped(36) + " [[1.]] " + wrapped(20), space),
            (Genotype{{{-1, 36, -1, 20}}}));
}

/// What is written can be read, in spaces of both kinds.
TEST_F(Representation, WrittenOnesComeBack) {
  const SearchSpace pnas(SpaceConfig::pnas({"linear", "3x3 bconv", "3x3 maxpool"}, 4));
  const RandomKey key{3, 1, RandomPurpose::sample};
  std::uint64_t index = 0;
  for (const SearchSpace* space : std::initializer_list<const SearchSpace*>{&flat_, &pnas}) {
    for (int i = 0; i < 50; ++i) {
      Trial trial;
      trial.status = TrialStatus::done;
      trial.genotype = space->sample(1 + i % space->config().blocks, key, index);
      trial.text = space->text(trial.genotype);
      const std::string file = architectures_txt({trial}, *space);
      const std::size_t begin = file.find("String: \"") + 9;
      EXPECT_EQ(parse_representation(std::string_view(file).substr(begin, file.rfind("\"\n") - begin), *space),
                trial.genotype)
          << trial.text;
    }
  }
}

TEST_F(Representation, WhatDoesNotFitIsNamed) {
  EXPECT_THAT(refusal("[[1. 0. 0.]] [[1. 0. 0.]] [[1. 0. 0.]] [[0. 0. 0. 4.]]"),
              HasSubstr("vector 2 (first operation of block 0) has 3 entries, expected 4, one per operator"));
  EXPECT_THAT(refusal("[[1. 0. 0.]] [[1. 0. 0. 0.]] [[1. 0.]] [[0. 0. 0. 4.]]"),
              HasSubstr("vector 3 (second input of block 0) has 2 entries, expected 3, one per block"));
  EXPECT_THAT(refusal("[[1. 0. 0.]] [[1. 0. 0. 0.]] [[1. 0. 0.]]"),
              HasSubstr("vector 4 (second operation of block 0) is missing"));
  EXPECT_THAT(refusal("[[1. 0. 0.]] [[0. 0. 0. 0.]] [[1. 0. 0.]] [[0. 0. 0. 4.]]"),
              AllOf(HasSubstr("vector 2"), HasSubstr("found 0 positive")));
  EXPECT_THAT(refusal("[[1. 0. 0.]] [[1. 2. 0. 0.]] [[1. 0. 0.]] [[0. 0. 0. 4.]]"), HasSubstr("found 2 positive"));
  EXPECT_THAT(refusal("[[1. 0. 0.]] [[1. -2. 0. 0.]] [[1. 0. 0.]] [[0. 0. 0. 4.]]"), HasSubstr("a negative one"));
  EXPECT_THAT(refusal("[[0. 2. 0.]] [[1. 0. 0. 0.]] [[1. 0. 0.]] [[0. 0. 0. 4.]]"),
              HasSubstr("vector 1 (first input of block 0) names input 2"));
  const std::string block = "[[1. 0. 0.]] [[1. 0. 0. 0.]] [[1. 0. 0.]] [[0. 0. 0. 4.]] ";
  EXPECT_THAT(refusal(block + block + block + block), HasSubstr("vector 13 begins block 3"));
  EXPECT_THAT(refusal(""), HasSubstr("no vectors"));
  EXPECT_THAT(refusal("[[1. 0. 0.]] [[1. x 0. 0.]]"), HasSubstr("column 19, in vector 2: expected a number"));
  EXPECT_THAT(refusal("[[1. nan 0.]]"), HasSubstr("expected a number"));
  EXPECT_THAT(refusal("[1. 0. 0.]"), HasSubstr("column 2, in vector 1: expected '['"));
  EXPECT_THAT(refusal("[[1. 0. 0."), HasSubstr("expected a number or ']'"));
  std::string endless = "[[";
  for (int i = 0; i < 2000; ++i) {
    endless += "0 ";
  }
  EXPECT_THAT(refusal(endless), HasSubstr("more than 1024 entries"));
}

TEST_F(Representation, TakesTheWholeLineOfAnArchitecturesText) {
  const SearchSpace space(SpaceConfig::flat({"a", "b"}, 1));
  const std::string vectors = "[[1.]] [[0. 2.]] [[1.]] [[1. 0.]]";
  const Genotype plain = parse_representation(vectors, space);
  for (const std::string& line : {"\"" + vectors + "\"", "Representation String: \"" + vectors + "\"\n",
                                  "  Representation String:" + vectors + "\r\n"}) {
    EXPECT_EQ(parse_representation(line, space), plain) << line;
  }
  for (const std::string& wrong : {"\"" + vectors, vectors + "\"", std::string("\""), std::string("\"\"")}) {
    EXPECT_THROW(parse_representation(wrong, space), Error) << wrong;
  }
}

TEST_F(Representation, BlocksReadEarlierOnesInThePnasSpace) {
  const SearchSpace space(SpaceConfig::pnas({"linear", "3x3 bconv"}, 2));
  EXPECT_EQ(parse_representation("[[1 0 0]] [[1 0]] [[0 2 0]] [[0 2]] [[0 2 0]] [[1 0]] [[0 0 3]] [[0 2]]", space),
            (Genotype{{{-2, 0, -1, 1}, {-1, 0, 0, 1}}}));
  EXPECT_THROW(parse_representation("[[0 0 3]] [[1 0]] [[0 2 0]] [[0 2]]", space), Error) << "block 0 reads itself";
}

}  // namespace
}  // namespace bnas::nas
