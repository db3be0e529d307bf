// SPDX-License-Identifier: Apache-2.0
#include "workers/worker_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <thread>

#include "bnas/core/error.hpp"
#include "bnas/nas/worker_server.hpp"

namespace bnas::nas {
namespace {

namespace fs = std::filesystem;

constexpr timeval kSendLimit{5, 0};  // a worker that takes nothing for this long is as good as gone
constexpr std::size_t kLastWords = 600;

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorKind::io, fmt::format("a worker process cannot be started: {}: {}", what, std::strerror(errno)));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { ::close(fd_); }
  int get() const { return fd_; }

 private:
  int fd_;
};

/// A copy of the descriptor above those that the worker gets.
Descriptor lifted(int fd, const std::string& what) {
  const int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, kWorkerSocket + 1);
  if (copy < 0) {
    refuse(what);
  }
  ::close(fd);
  return Descriptor(copy);
}

/// In the new process: nothing but system calls, since other threads of ours may have held any lock.
[[noreturn]] void become(pid_t parent, int null, int log, int socket, const char* program, char* const* arguments) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) {
    _exit(127);  // it died before the line above
  }
  // A terminal sends these to all of its group; what a worker does about them is the supervisor's to say.
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    std::signal(number, SIG_IGN);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  dup2(null, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  dup2(socket, kWorkerSocket);
  close_range(kWorkerSocket + 1, ~0U, 0);  // the lock of the run is one of them
  execv(program, arguments);
  _exit(127);
}

}  // namespace

std::string ProcessEnd::text() const {
  const char* name = signal == 0 ? nullptr : sigdescr_np(signal);
  std::string out = signal == 0 ? fmt::format("exit code {}", code)
                                : fmt::format("killed by signal {} ({})", signal, name == nullptr ? "unknown" : name);
  return last_words.empty() ? out : fmt::format("{}; its last words: {}", out, last_words);
}

WorkerProcess::WorkerProcess(const std::string& program, const std::vector<std::string>& arguments, const fs::path& log)
    : log_(log) {
  std::vector<std::string> texts = arguments;
  std::vector<char*> argv;
  argv.reserve(texts.size() + 1);
  for (std::string& text : texts) {
    argv.push_back(text.data());
  }
  argv.push_back(nullptr);
  const Descriptor null = lifted(::open("/dev/null", O_RDWR | O_CLOEXEC), "/dev/null");
  const Descriptor output = lifted(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644), log.string());
  std::error_code code;
  log_begin_ = fs::file_size(log, code);
  std::array<int, 2> pair{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    refuse("socketpair");
  }
  const Descriptor theirs = lifted(pair[1], "socket");
  socket_ = pair[0];
  setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &kSendLimit, sizeof(kSendLimit));
  frames_ = FrameReader(socket_);
  const pid_t self = getpid();
  pid_ = fork();
  if (pid_ == 0) {
    become(self, null.get(), output.get(), theirs.get(), program.c_str(), argv.data());
  }
  if (pid_ < 0) {
    ::close(socket_);
    refuse("fork");
  }
}

WorkerProcess::~WorkerProcess() {
  if (pid_ > 0) {
    signal(SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  ::close(socket_);
}

void WorkerProcess::signal(int number) const {
  if (pid_ > 0) {
    ::kill(pid_, number);
  }
}

ProcessEnd WorkerProcess::wait() {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::seconds kPatience{1};
  const auto begin = Clock::now();
  int status = 0;
  pid_t ended = 0;
  while ((ended = waitpid(pid_, &status, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
    if (Clock::now() - begin > kPatience) {
      signal(SIGKILL);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  pid_ = -1;
  ProcessEnd end;
  end.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  end.code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;

  std::error_code code;
  const std::uintmax_t size = fs::file_size(log_, code);
  if (!code && size > log_begin_) {
    const std::uintmax_t begin_of_end = std::max(log_begin_, size - std::min<std::uintmax_t>(size, kLastWords));
    std::string text(static_cast<std::size_t>(size - begin_of_end), ' ');
    std::ifstream in(log_, std::ios::binary);
    in.seekg(static_cast<std::streamoff>(begin_of_end));
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    for (char& c : text) {
      c = static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
    }
    const std::size_t first = text.find_first_not_of(' ');
    end.last_words = first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
  }
  return end;
}

std::string WorkerProcess::threads() const {
  std::vector<std::string> out;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(fmt::format("/proc/{}/task", pid_), code)) {
    std::ifstream file(entry.path() / "stat");
    std::string text;
    std::getline(file, text);
    const std::size_t name_end = text.rfind(')');  // "pid (name) state ..."
    const char state = name_end + 2 < text.size() ? text[name_end + 2] : '?';
    out.push_back(fmt::format("{} {}", entry.path().filename().string(), state));
  }
  std::sort(out.begin(), out.end());
  return fmt::format("{}", fmt::join(out, ", "));
}

}  // namespace bnas::nas
