package client

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc"
	grpcstatus "google.golang.org/grpc/status"
)

// traced logs the calls to containerd. It logs only the code of an error, as its text may hold secret values.
var traced = []grpc.DialOption{
	grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		begin := time.Now()
		err := invoke(ctx, method, req, reply, conn, opts...)
		trace(ctx, method, begin, err)
		return err
	}),
	grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, stream grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		begin := time.Now()
		client, err := stream(ctx, desc, conn, method, opts...)
		trace(ctx, method, begin, err)
		return client, err
	}),
}

func trace(ctx context.Context, method string, begin time.Time, err error) {
	slog.LogAttrs(ctx, slog.LevelDebug, "called containerd",
		slog.String("method", method), slog.Duration("took", time.Since(begin)), slog.String("code", grpcstatus.Code(err).String()))
}
