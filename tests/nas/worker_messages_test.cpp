// SPDX-License-Identifier: Apache-2.0
// What supervisor and workers say to each other, and how often a worker may die.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <limits>
#include <new>
#include <thread>

#include "bnas/core/error.hpp"
#include "bnas/nas/child_trainer.hpp"
#include "workers/messages.hpp"
#include "workers/restart_count.hpp"

namespace bnas::nas {
namespace {

class Frames : public testing::Test {
 protected:
  Frames() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()), 0); }
  ~Frames() override {
    for (const int end : ends_) {
      ::close(end);
    }
  }
  void write(const std::string& bytes) const {
    ASSERT_EQ(::send(ends_[0], bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }
  std::array<int, 2> ends_{};
};

TEST_F(Frames, ArriveWholeHoweverTheyAreCut) {
  ASSERT_TRUE(send_frame(ends_[0], {{"type", "one"}}));
  ASSERT_TRUE(send_frame(ends_[0], {{"type", "two"}, {"x", 0.1}}));
  std::array<char, 256> bytes{};
  const ssize_t size = ::recv(ends_[1], bytes.data(), bytes.size(), 0);
  FrameReader reader(ends_[1]);
  std::vector<Json> seen;
  for (ssize_t i = 0; i < size; ++i) {  // a byte at a time
    write(std::string(1, bytes[static_cast<std::size_t>(i)]));
    ASSERT_TRUE(reader.fill());
    while (const auto message = reader.next()) {
      seen.push_back(*message);
    }
  }
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0], (Json{{"type", "one"}}));
  EXPECT_EQ(seen[1]["x"].get<double>(), 0.1);
}

TEST_F(Frames, ALongOneIsSentWhole) {
  const std::string text(3 << 20, 'x');
  std::thread sender([&] { EXPECT_TRUE(send_frame(ends_[0], {{"type", "long"}, {"text", text}})); });
  FrameReader reader(ends_[1]);
  std::optional<Json> message;
  while (!(message = reader.next())) {
    ASSERT_TRUE(reader.fill());
  }
  sender.join();
  EXPECT_EQ((*message)["text"], text);
  EXPECT_THROW(send_frame(ends_[0], {{"type", "x"}, {"text", std::string(kMaxFrameBytes, 'x')}}), Error);
}

TEST_F(Frames, RefuseWhatNoBnasSent) {
  using std::string_literals::operator""s;
  for (const std::string& bytes : {"GET / HTTP/1.1\r\n"s, "bnw1\xFF\xFF\xFF\xFFx"s, "bnw1\x02\0\0\0{]"s,
                                   "bnw1\x02\0\0\0[]"s, "bnw1\x02\0\0\0{}"s, "bnw1\x0a\0\0\0{\"type\":1}"s}) {
    std::array<int, 2> pair{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
    ASSERT_EQ(::send(pair[0], bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    FrameReader reader(pair[1]);
    ASSERT_TRUE(reader.fill());
    EXPECT_THROW(reader.next(), Error) << bytes;
    ::close(pair[0]);
    ::close(pair[1]);
  }
}

TEST_F(Frames, SayWhenTheOtherSideHasLeft) {
  write("bnw1\x05");
  ::shutdown(ends_[0], SHUT_WR);
  FrameReader reader(ends_[1]);
  EXPECT_TRUE(reader.fill());
  EXPECT_FALSE(reader.next());
  EXPECT_FALSE(reader.fill());
  ::close(ends_[0]);
  ends_[0] = ::dup(ends_[1]);
  EXPECT_FALSE(send_frame(ends_[1], {{"type", "x"}}));
}

TEST(Messages, TrialsComeBackBitByBit) {
  Trial trial;
  trial.id = 12345678901;
  trial.level = 2;
  trial.rank = 7;
  trial.batch = 3;
  trial.genotype = Genotype{{{-2, 3, -1, 0}, {0, 255, -128, 1}}};
  trial.text = "[-2, '3x3 bconv']\n\xC3\xA4";
  trial.budget = {5, 1000};
  trial.predicted = 0.1 + 0.2;
  trial.status = TrialStatus::diverged;
  trial.attempts = 2;
  trial.reward = std::nextafter(0.7, 1.0);
  trial.best_epoch = 4;
  trial.message = "why \"not\"";
  trial.curve = {{1, 1e-310, 1.0 / 3.0, -0.0, 1e-3}, {2, std::numeric_limits<double>::infinity(), 0.5, 0.5, 5e300}};
  const Trial back = trial_from_json(Json::parse(to_json(trial).dump()));
  EXPECT_EQ(back.id, trial.id);
  EXPECT_EQ(back.level, trial.level);
  EXPECT_EQ(back.rank, trial.rank);
  EXPECT_EQ(back.batch, trial.batch);
  EXPECT_EQ(back.genotype, trial.genotype);
  EXPECT_EQ(back.text, trial.text);
  EXPECT_EQ(back.budget, trial.budget);
  EXPECT_EQ(back.predicted, trial.predicted);
  EXPECT_EQ(back.status, trial.status);
  EXPECT_EQ(back.attempts, trial.attempts);
  EXPECT_EQ(back.reward, trial.reward);
  EXPECT_EQ(back.best_epoch, trial.best_epoch);
  EXPECT_EQ(back.message, trial.message);
  ASSERT_EQ(back.curve.size(), 2U);
  EXPECT_EQ(back.curve[0].train_loss, 1e-310);
  EXPECT_EQ(back.curve[0].train_accuracy, 1.0 / 3.0);
  EXPECT_TRUE(std::signbit(back.curve[0].valid_accuracy));
  EXPECT_TRUE(std::isnan(back.curve[1].train_loss));  // no number has no other form
  EXPECT_EQ(back.curve[1].learning_rate, 5e300);
}

template <class E>
std::string crossed(const std::function<void()>& action) {
  try {
    action();
  } catch (...) {
    const Json json = Json::parse(current_error().dump());
    try {
      throw_error(json);
    } catch (const E& error) {
      return error.what();
    }
  }
  return "no error";
}

TEST(Messages, ErrorsKeepTheirKind) {
  EXPECT_EQ(crossed<ChildRejected>([] { throw ChildRejected("too large"); }), "too large");
  EXPECT_EQ(crossed<OutOfMemory>([] { throw OutOfMemory("8 bytes"); }), "8 bytes");
  EXPECT_EQ(crossed<OutOfMemory>([] { throw std::bad_alloc(); }), "out of memory");
  EXPECT_EQ(crossed<std::runtime_error>([] { throw std::logic_error("a bug"); }), "a bug");
  EXPECT_THAT(crossed<std::runtime_error>([] { throw 42; }), testing::HasSubstr("unknown type"));
  for (const ErrorKind kind : {ErrorKind::usage, ErrorKind::bad_data, ErrorKind::io, ErrorKind::internal}) {
    try {
      throw_error([&] {
        try {
          throw Error(kind, "text");
        } catch (...) {
          return current_error();
        }
      }());
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind);
      EXPECT_STREQ(error.what(), "text");
    }
  }
}

TEST(RestartCount, WaitsLongerEachTimeAndThenGivesUp) {
  RestartCount count(RestartRule{});
  EXPECT_EQ(count.died(1000.0), 1.0);
  EXPECT_EQ(count.died(1010.0), 4.0);
  EXPECT_EQ(count.died(1020.0), 16.0);
  EXPECT_EQ(count.died(1599.0), std::nullopt);
}

TEST(RestartCount, ForgetsWhatIsLongAgoOrExplained) {
  RestartCount count(RestartRule{});
  count.died(1000.0);
  count.died(1010.0);
  EXPECT_EQ(count.died(1601.0), 4.0);  // the first is more than ten minutes ago
  count.forgive();
  EXPECT_EQ(count.died(1602.0), 1.0);
}

}  // namespace
}  // namespace bnas::nas
