// How other threads reach a loop: messages, run on the loop's thread in the order they were posted
// by one sender. Intrusive and lock-free: the sender owns the memory, so posting cannot fail and
// allocates nothing; what bounds the queue is that every sender has a bounded number of messages (a
// pool job, a batch of the books, a shard's one outstanding configuration). The loop is interrupted
// only when it may be asleep.
#pragma once

#include <atomic>
#include <functional>

namespace tdn::io {

class Poller;

class Message {
 public:
  Message() = default;
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;
  // On the receiving thread. The mailbox no longer refers to the message: it may delete itself.
  virtual void receive() = 0;

 protected:
  ~Message() = default;

 private:
  friend class Mailbox;
  Message* next_ = nullptr;
};

class Mailbox {
 public:
  explicit Mailbox(Poller& poller) : poller_(poller) {}

  // From any thread. A message is in at most one mailbox at a time.
  void post(Message& message);
  // The same, but the loop is left asleep: for what it need not know before its next turn.
  void post_quietly(Message& message);
  // As `post`, for a function, at the price of an allocation: for rare things (reload, scrape,
  // stop).
  void post(std::function<void()> function);

  // By the loop only. `drain` returns whether anything was received.
  bool drain();
  // After true the loop must poll without sleeping; after false it may sleep and will be
  // interrupted.
  bool prepare_to_sleep();

 private:
  void push(Message& message);

  Poller& poller_;
  std::atomic<Message*> head_ = nullptr;  // newest first
  std::atomic<bool> sleeping_ = false;
};

}  // namespace tdn::io
