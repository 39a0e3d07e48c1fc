package ffmpeg

// OggOpus makes a file of packets.
func OggOpus(of [][]byte) []byte {
	var kept packets
	for number, packet := range of {
		kept.add(packet, packetTicks(packet), int32(number)) //nolint:gosec // tests are not that long
	}

	return (&stream{packets: kept, count: len(of)}).all()
}

func (s *stream) all() []byte {
	var file []byte

	for reader := (streamReader{of: s}); ; {
		reader.fill()

		if len(reader.ready) == 0 {
			return file
		}

		file = append(file, reader.ready...)
	}
}
