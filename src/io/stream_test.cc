#include "io/stream.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "io/pipe.h"
#include "io/test_loop.h"

namespace tdn::io {
namespace {

Task<> send(Stream& stream, std::string bytes) {
  const Result<void> sent = co_await write_all(stream, bytes);
  EXPECT_TRUE(sent.has_value());
  stream.shutdown();
}

Task<std::string> receive(Stream& stream) {
  std::string all;
  char buffer[1000];
  while (true) {
    const Result<std::size_t> count = co_await read_some(stream, buffer);
    if (!count || *count == 0) {
      co_return all;
    }
    all.append(buffer, *count);
  }
}

RC_GTEST_PROP(Pipe, DeliversTheSameBytesAtAnyFragmentation, ()) {
  TestLoop test;
  const auto bytes = *rc::gen::container<std::string>(rc::gen::arbitrary<char>());
  const PipeOptions options{.capacity = *rc::gen::inRange<std::size_t>(1, 50),
                            .max_read = *rc::gen::inRange<std::size_t>(0, 9),
                            .max_write = *rc::gen::inRange<std::size_t>(0, 9)};
  PipeEnds pipe = make_pipe(options);
  test.group.spawn(send(*pipe.first, bytes));
  RC_ASSERT(test.run(receive(*pipe.second)) == bytes);
}

struct Recorder final : StreamWatcher {
  void on_event(Stream&, StreamEvent event) override { events.push_back(event); }
  std::vector<StreamEvent> events;
};

TEST(Pipe, HalfCloseIsAnEndNotALoss) {
  TestLoop test;
  PipeEnds pipe = make_pipe();
  Recorder recorder;
  pipe.second->watch(&recorder);
  pipe.first->shutdown();
  EXPECT_EQ(recorder.events, (std::vector{StreamEvent::kFinished, StreamEvent::kReadable}));
  EXPECT_FALSE(pipe.second->peer_gone());
  const Slice slice("still here");
  EXPECT_EQ(pipe.second->try_write(std::span(&slice, 1)), 10);
  char buffer[20];
  EXPECT_EQ(pipe.first->try_read(buffer), 10);
}

TEST(Pipe, AbortIsSeenAtOnce) {
  TestLoop test;
  PipeEnds pipe = make_pipe();
  Recorder recorder;
  pipe.second->watch(&recorder);
  pipe.first->abort();
  EXPECT_EQ(recorder.events, std::vector{StreamEvent::kGone});
  char buffer[20];
  EXPECT_EQ(pipe.second->try_read(buffer), kFailed);
}

}  // namespace
}  // namespace tdn::io
