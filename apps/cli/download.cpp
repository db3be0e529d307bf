// SPDX-License-Identifier: Apache-2.0
#include "cli/download.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <memory>

#include "bnas/core/error.hpp"

namespace bnas::cli {
namespace {

struct Transfer {
  Bytes bytes;
  std::uint64_t max_bytes = 0;
  const DownloadProgress* progress = nullptr;
  bool too_long = false;
};

std::size_t on_data(char* data, std::size_t /*one*/, std::size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  transfer.too_long = size > transfer.max_bytes - transfer.bytes.size();
  if (transfer.too_long) {
    return 0;  // ends the transfer
  }
  transfer.bytes.insert(transfer.bytes.end(), data, data + size);
  return size;
}

int on_progress(void* user, curl_off_t /*total*/, curl_off_t now, curl_off_t /*upload*/, curl_off_t /*uploaded*/) {
  const auto& transfer = *static_cast<const Transfer*>(user);
  if (*transfer.progress) {
    (*transfer.progress)(static_cast<std::uint64_t>(now));
  }
  return 0;
}

struct CurlLibrary {
  CurlLibrary() { check(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, "download", "libcurl cannot start"); }
  ~CurlLibrary() { curl_global_cleanup(); }
};

}  // namespace

Bytes download(const std::string& url, std::uint64_t max_bytes, const DownloadProgress& progress) {
  static const CurlLibrary library;
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), &curl_easy_cleanup);
  check(curl != nullptr, "download", "libcurl cannot start");
  Transfer transfer;
  transfer.max_bytes = max_bytes;
  transfer.progress = &progress;
  std::string reason(CURL_ERROR_SIZE, '\0');
  const auto set = [&](CURLoption option, auto value) {
    check(curl_easy_setopt(curl.get(), option, value) == CURLE_OK, "download", "libcurl refuses an option");
  };
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_ERRORBUFFER, reason.data());
  set(CURLOPT_PROTOCOLS_STR, "https,http,file");
  set(CURLOPT_REDIR_PROTOCOLS_STR, url.starts_with("http:") ? "https,http" : "https");
  set(CURLOPT_FOLLOWLOCATION, 1L);
  set(CURLOPT_MAXREDIRS, 5L);
  set(CURLOPT_FAILONERROR, 1L);  // a page that says "404" is no content
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT, 20L);
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, 30L);
  set(CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(max_bytes));
  set(CURLOPT_WRITEFUNCTION, &on_data);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&transfer));
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, &on_progress);
  set(CURLOPT_XFERINFODATA, static_cast<void*>(&transfer));
  const CURLcode code = curl_easy_perform(curl.get());
  if (transfer.too_long || code == CURLE_FILESIZE_EXCEEDED) {
    throw Error(ErrorKind::missing, fmt::format("{}: longer than the {} bytes that are expected", url, max_bytes));
  }
  if (code != CURLE_OK) {
    reason.resize(reason.find('\0'));
    throw Error(ErrorKind::missing, fmt::format("{}: {}", url, reason.empty() ? curl_easy_strerror(code) : reason));
  }
  return std::move(transfer.bytes);
}

}  // namespace bnas::cli
