// Bytes from a server that may be anything: the handshake ends in an error or waits for more, and
// nothing it says makes us hold more than we promise. A server that goes on well must have the
// right keys, so beyond its first messages a fuzzer cannot come; what follows is OpenSSL's.
#include <cstdint>
#include <optional>

#include "base/assert.h"
#include "base/bytes.h"
#include "io/pipe.h"
#include "io/test_loop.h"
#include "io/tls.h"

using namespace tdn;      // NOLINT
using namespace tdn::io;  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::shared_ptr<const TlsTrust> trust = *TlsTrust::load("");
  static const std::shared_ptr<TlsClient> client = TlsClient::create(trust);
  if (size < 2) {
    return 0;
  }
  TestLoop test;
  PipeEnds pipe = make_pipe({.max_read = data[0]});
  std::optional<Result<std::unique_ptr<Stream>>> connected;
  test.group.spawn(
      TestLoop::keep(client->connect(std::move(pipe.first), "engine.example"), connected));
  test.settle();
  // The rest arrives in equal pieces.
  const bool ends = data[1] % 2 == 0;
  const std::size_t step = data[1] / 2 + 1U;
  std::string_view rest = text_of(ByteView(data + 2, size - 2));
  while (!rest.empty() && !connected) {
    const Slice slice(rest.substr(0, step));
    pipe.second->try_write(std::span(&slice, 1));
    rest.remove_prefix(slice.size);
    test.settle();
  }
  if (ends) {
    pipe.second->shutdown();
    test.settle();
    TDN_ASSERT(connected.has_value());
  }
  TDN_ASSERT(!connected || !connected->has_value());
  TDN_ASSERT(client->counts().handshakes == 0);
  test.group.cancel();
  test.settle();
  return 0;
}
