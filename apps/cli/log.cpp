// SPDX-License-Identifier: Apache-2.0
#include "cli/log.hpp"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>

#include <mutex>

#include "bnas/core/error.hpp"
#include "cli/terminal.hpp"

namespace bnas::cli {
namespace {

class ScreenSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit ScreenSink(std::function<void(const std::string&)> show) : show_(std::move(show)) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const Terminal terminal = Terminal::detect(stderr);
    const std::string text = escaped({message.payload.data(), message.payload.size()});
    show_(message.level >= spdlog::level::warn ? terminal.paint("warning:", Color::yellow) + " " + text : text);
  }
  void flush_() override {}

 private:
  std::function<void(const std::string&)> show_;
};

}  // namespace

Log::Log(const std::vector<std::filesystem::path>& files, int verbosity, std::function<void(const std::string&)> show) {
  auto screen = std::make_shared<ScreenSink>(show);
  screen->set_level(verbosity < 0    ? spdlog::level::err
                    : verbosity == 0 ? spdlog::level::warn
                    : verbosity == 1 ? spdlog::level::info
                                     : spdlog::level::debug);
  std::vector<spdlog::sink_ptr> sinks = {screen};
  for (const auto& file : files) {
    try {
      auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file.string());
      sink->set_formatter(
          std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc));
      sinks.push_back(sink);
    } catch (const spdlog::spdlog_ex& error) {
      throw Error(ErrorKind::io, file.string() + ": cannot write the log: " + error.what());
    }
  }
  logger_ = std::make_shared<spdlog::logger>("bnas", sinks.begin(), sinks.end());
  logger_->set_level(spdlog::level::debug);
  logger_->flush_on(spdlog::level::info);
  auto told = std::make_shared<std::once_flag>();
  logger_->set_error_handler([show, told](const std::string& what) {
    std::call_once(*told, [&] { show("warning: the log file cannot be written any more: " + what); });
  });
}

Log::~Log() = default;

void Log::write(LogLevel level, const std::string& message) {
  logger_->log(level == LogLevel::debug  ? spdlog::level::debug
               : level == LogLevel::info ? spdlog::level::info
                                         : spdlog::level::warn,
               "{}", message);
}

}  // namespace bnas::cli
